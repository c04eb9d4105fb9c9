// The language beyond loops: device printf, assert and malloc, recursion, function pointers, virtual functions, dense
// switches, tables in constant memory, local arrays, 64-bit division, bit fields and bytes, clocks, byte permutations.
// Faults: 1 a failing assert, 2 local array index out of bounds, 3 use after free, 4 null pointer, 5 a pointer to a
// returned function's local array, 6 an uninitialised local decides a branch, 7 trap, 8 write to constant memory,
// 9 function pointer into nowhere, 10 recursion without end, 11 host: use of a freed buffer, 12 host: short buffer.
#include <cassert>
#include <cstdio>
#include <new>

#ifndef FAULT
#define FAULT 0
#endif

__constant__ int table[64];
__constant__ float coefficients[5] = {0.5f, -1.25f, 3, 8, -0.0625f};
__device__ int counter = 41;
__device__ const char *const message = "thread %d of block %d: %s %.3f %lld %c%%\n";

extern "C" __global__ void print(int limit) {
  if (threadIdx.x < limit)
    printf(message, threadIdx.x, blockIdx.x, "value", threadIdx.x * 0.25, 1ll << 40, 'x');
}

extern "C" __global__ void check(const int *in) {
#if FAULT == 1
  assert(in[threadIdx.x] < 60);
#else
  assert(in[threadIdx.x] < 64);
#endif
  atomicAdd(&counter, 1);
#if FAULT == 7
  if (threadIdx.x == 5)
    __trap();
#endif
}

__device__ __noinline__ int fibonacci(int n) {
#if FAULT == 10
  return n < -1000000000 ? n : fibonacci(n - 1) + fibonacci(n - 2);
#else
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
#endif
}
extern "C" __global__ void recurse(int *out) { out[threadIdx.x] = fibonacci(threadIdx.x % 13); }

__device__ __noinline__ int twice(int x) { return 2 * x; }
__device__ __noinline__ int square(int x) { return x * x; }
__device__ __noinline__ int negate(int x) { return -x; }
using Function = int (*)(int);
__device__ Function const functions[] = {twice, square, negate};
extern "C" __global__ void callThroughPointers(int *out) {
  Function function = functions[threadIdx.x % 3];
#if FAULT == 9
  if (threadIdx.x == 7)
    function = reinterpret_cast<Function>(0x1234);
#endif
  out[threadIdx.x] = function(threadIdx.x);
}

struct Shape {
  __device__ virtual float area() const = 0;
  __device__ virtual ~Shape() {}
};
struct Square : Shape {
  float side;
  __device__ explicit Square(float side) : side(side) {}
  __device__ float area() const override { return side * side; }
};
struct Circle : Shape {
  float radius;
  __device__ explicit Circle(float radius) : radius(radius) {}
  __device__ float area() const override { return 3.140625f * radius * radius; }
};
extern "C" __global__ void areas(float *out) {
  Shape *shape = threadIdx.x % 2 ? static_cast<Shape *>(new Square(threadIdx.x)) : new Circle(threadIdx.x);
  out[threadIdx.x] = shape->area();
  delete shape;
}

extern "C" __global__ void lists(int *out) {
  int count = threadIdx.x + 1;
  int *values = static_cast<int *>(malloc(count * sizeof(int)));
  for (int i = 0; i < count; ++i)
    values[i] = i * i;
  int sum = 0;
#if FAULT == 3
  free(values);
#endif
  for (int i = 0; i < count; ++i)
    sum += values[i];
#if FAULT != 3
  free(values);
#endif
  out[threadIdx.x] = sum;
}

/// A dense switch, which becomes a jump table, around calls that cannot be turned into a lookup.
extern "C" __global__ void dispatch(const int *in, int *out) {
  int x = in[threadIdx.x], y = 0;
  switch (x) {
  case 0:
    y = atomicAdd(out + 64, 1) * 0 + 7;
    break;
  case 1:
    y = __popc(x + 77);
    break;
  case 2:
    y = __clz(x);
    break;
  case 3:
    y = __brev(x) >> 20;
    break;
  case 4:
    y = __ffs(x * 8);
    break;
  case 5:
    y = atomicMax(out + 65, x) * 0 + x * x * x;
    break;
  case 6:
    y = x << 7;
    break;
  case 7:
    y = __byte_perm(0x04030201, x, 0x4321);
    break;
  case 8:
    y = __mulhi(x << 28, x << 20);
    break;
  case 9:
    y = __usad(x, 3, 100);
    break;
  case 10:
    y = int(__funnelshift_l(x, 0x80000001, 5));
    break;
  case 11:
    y = __dp4a(0x01020304, 0x7f80ff02, x);
    break;
  default:
    y = -1;
  }
  out[threadIdx.x] = y;
}

#if FAULT == 5
__device__ __noinline__ int *localArray(int seed) {
  int values[8];
  for (int i = 0; i < 8; ++i)
    values[i] = seed * i;
  int *volatile escaped = values;
  return escaped;
}
#endif

/// Local arrays with indices that are known only at run time; constant tables.
extern "C" __global__ void permute(const int *in, int *out, float *polynomial) {
  int values[16];
#if FAULT == 6
  for (int i = 1; i < 16; ++i)
#else
  for (int i = 0; i < 16; ++i)
#endif
    values[i] = table[(i * 5 + threadIdx.x) % 64];
  for (int i = 0; i < 16; ++i) {
    int j = in[(threadIdx.x + i) % 64] % 16, swap = values[j];
#if FAULT == 2
    j += threadIdx.x == 9 ? 65536 : 0;
#endif
    if (swap > values[i])
      values[j] = values[i], values[i] = swap;
  }
  int sum = 0;
  for (int i = 0; i < 16; ++i)
    sum = sum * 3 + values[i];
#if FAULT == 5
  sum += localArray(threadIdx.x)[in[threadIdx.x] % 8];
#endif
#if FAULT == 8
  asm volatile("{\n.reg .u64 address;\nmov.u64 address, table;\ncvta.const.u64 %0, address;\n}" : "=l"(out));
#endif
#if FAULT == 4
  if (threadIdx.x == 3)
    asm volatile("mov.u64 %0, 0;" : "=l"(out)); // not a null that the compiler sees
#endif
  out[threadIdx.x] = sum;
  float x = threadIdx.x * 0.125f, y = 0;
  for (int i = 0; i < 5; ++i)
    y = y * x + coefficients[(i + threadIdx.x) % 5];
  polynomial[threadIdx.x] = y;
}

struct Fields {
  unsigned low : 5, middle : 11, high : 16;
  unsigned char bytes[3];
  short word;
};
extern "C" __global__ void divide(const long long *a, const long long *b, long long *out, Fields *fields) {
  int i = threadIdx.x;
  long long x = a[i], y = b[i];
  out[i * 4] = x / y;
  out[i * 4 + 1] = x % y;
  out[i * 4 + 2] = (long long)((unsigned long long)x / (unsigned long long)y);
  out[i * 4 + 3] = __mul64hi(x, y) ^ (int(x) / (int(y) | 1)) ^ (unsigned(x) % (unsigned(y) | 1));
  Fields f = fields[i];
  f.low += 3, f.middle ^= f.low, f.high -= f.middle;
  f.bytes[1] = f.bytes[0] + f.bytes[2];
  f.word = -f.word;
  fields[i] = f;
}

/// Clocks must not go backwards; special registers.
extern "C" __global__ void clocks(long long *out) {
  long long before = clock64();
  unsigned low = clock();
  __nanosleep(100);
  unsigned long long time;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(time));
  out[0] = clock64() - before;
  out[1] = time != 0;
  out[2] = (unsigned)clock() - low < 0x80000000u;
  unsigned lane, warps;
  asm volatile("mov.u32 %0, %%laneid;" : "=r"(lane));
  asm volatile("mov.u32 %0, %%nwarpid;" : "=r"(warps));
  out[3] = lane;
  out[4] = warps >= 1;
}
