// out[c][r] = in[r][c] through 32 x 33 tiles, eight rows of threads.
// Faults: 1 no barrier, 2 column bound missing, 3 rows and columns mixed up in the tile.
#ifndef FAULT
#define FAULT 0
#endif

template <class T> __device__ void transpose(const T *in, T *out, int rows, int columns) {
  __shared__ T tile[32][33];
  int column = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y * 32 + threadIdx.y;
  for (int i = 0; i < 32; i += 8)
#if FAULT == 2
    if (row + i < rows)
#else
    if (row + i < rows && column < columns)
#endif
      tile[threadIdx.y + i][threadIdx.x] = in[(row + i) * columns + column];
#if FAULT != 1
  __syncthreads();
#endif
  int outRow = blockIdx.x * 32 + threadIdx.y, outColumn = blockIdx.y * 32 + threadIdx.x;
  for (int i = 0; i < 32; i += 8)
    if (outRow + i < columns && outColumn < rows)
#if FAULT == 3
      out[(outRow + i) * rows + outColumn] = tile[threadIdx.y + i][threadIdx.x];
#else
      out[(outRow + i) * rows + outColumn] = tile[threadIdx.x][threadIdx.y + i];
#endif
}

extern "C" __global__ void transposeFloat(const float *in, float *out, int rows, int columns) {
  transpose(in, out, rows, columns);
}
extern "C" __global__ void transposeShort(const short *in, short *out, int rows, int columns) {
  transpose(in, out, rows, columns);
}
