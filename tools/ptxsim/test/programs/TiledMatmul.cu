// C[m][n] = A[m][k] * B[k][n] in f32 through 16 x 16 tiles in shared memory.
// Faults: 1 no barrier before the tile is read, 2 none before it is overwritten, 3 what lies outside is not zeroed,
// 4 the barrier is inside a condition, 5 index past the tile's end.
#ifndef FAULT
#define FAULT 0
#endif
constexpr int kTile = 16;

extern "C" __global__ void matmul(const float *a, const float *b, float *c, int m, int n, int k) {
  __shared__ float tileA[kTile][kTile], tileB[kTile][kTile];
  int x = threadIdx.x, y = threadIdx.y, row = blockIdx.y * kTile + y, column = blockIdx.x * kTile + x;
  float sum = 0;
  for (int start = 0; start < k; start += kTile) {
#if FAULT == 3
    if (row < m && start + x < k)
      tileA[y][x] = a[row * k + start + x];
    if (start + y < k && column < n)
      tileB[y][x] = b[(start + y) * n + column];
#else
    tileA[y][x] = row < m && start + x < k ? a[row * k + start + x] : 0;
    tileB[y][x] = start + y < k && column < n ? b[(start + y) * n + column] : 0;
#endif
#if FAULT == 4
    if (row < m)
      __syncthreads();
#elif FAULT != 1
    __syncthreads();
#endif
    for (int i = 0; i < kTile; ++i)
#if FAULT == 5
      sum += tileA[y][i] * (&tileB[0][0])[(i + 1) * kTile + x];
#else
      sum += tileA[y][i] * tileB[i][x];
#endif
#if FAULT != 2
    __syncthreads();
#endif
  }
  if (row < m && column < n)
    c[row * n + column] = sum;
}
