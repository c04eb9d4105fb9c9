// Blocks that wait for each other: a spin mutex with back-off, a producer and a consumer with a ring of slots in global
// memory, a message passed by __threadfence and volatile flags.
// Faults: 1 the lock is taken without acquire, 2 released without release, 3 not released on one path (deadlock),
// 4 no fence before the flag, 5 consumer does not wait for the slot, 6 producer does not wait for an empty slot,
// 7 lock with block scope.
#include <cuda/atomic>

#ifndef FAULT
#define FAULT 0
#endif

#if FAULT == 7
constexpr auto kScope = cuda::thread_scope_block;
#else
constexpr auto kScope = cuda::thread_scope_device;
#endif

struct Mutex {
  int state;
  __device__ void lock() {
    cuda::atomic_ref<int, kScope> word(state);
    unsigned pause = 8;
#if FAULT == 1
    while (word.exchange(1, cuda::memory_order_relaxed)) {
#else
    while (word.exchange(1, cuda::memory_order_acquire)) {
#endif
      __nanosleep(pause);
      pause = min(pause * 2, 256u);
    }
  }
  __device__ void unlock() {
#if FAULT == 2
    cuda::atomic_ref<int, kScope>(state).store(0, cuda::memory_order_relaxed);
#else
    cuda::atomic_ref<int, kScope>(state).store(0, cuda::memory_order_release);
#endif
  }
};

/// One thread of each warp adds to a bank account under a lock, `turns` times.
extern "C" __global__ void deposit(Mutex *mutex, long long *account, int turns) {
  if (threadIdx.x % 32)
    return;
  for (int turn = 0; turn < turns; ++turn) {
    mutex->lock();
    account[0] += threadIdx.x + 1;
    account[1] = account[0] * 2;
#if FAULT == 3
    if (turn == 1)
      continue;
#endif
    mutex->unlock();
  }
}

constexpr int kSlots = 2, kWords = 32;
struct Slot {
  int full; ///< 1 + number of the message, or 0
  int words[kWords];
};

/// Block 0 produces `messages`, block 1 sums them up; 32 threads each.
extern "C" __global__ void passMessages(Slot *slots, int messages, int *sums) {
  int lane = threadIdx.x;
  for (int message = 0; message < messages; ++message) {
    Slot &slot = slots[message % kSlots];
    cuda::atomic_ref<int, cuda::thread_scope_device> full(slot.full);
    if (blockIdx.x == 0) {
#if FAULT != 6
      if (lane == 0)
        while (full.load(cuda::memory_order_acquire) != 0)
          __nanosleep(30);
#endif
      __syncwarp();
      slot.words[lane] = message * 100 + lane;
      __syncwarp();
      if (lane == 0)
        full.store(message + 1, cuda::memory_order_release);
    } else {
#if FAULT != 5
      if (lane == 0)
        while (full.load(cuda::memory_order_acquire) != message + 1)
          __nanosleep(30);
#endif
      __syncwarp();
      int sum = slot.words[lane];
      for (int distance = 16; distance > 0; distance /= 2)
        sum += __shfl_xor_sync(~0u, sum, distance);
      __syncwarp(); // all lanes have read their words
      if (lane == 0) {
        sums[message] = sum;
        full.store(0, cuda::memory_order_release);
      }
    }
  }
}

/// The classic: data, fence, flag; flag, fence, data. Blocks form a chain.
extern "C" __global__ void chain(volatile int *flags, int *data) {
  int block = blockIdx.x;
  if (threadIdx.x == 0) {
    if (block > 0) {
      while (flags[block - 1] == 0) {
      }
#if FAULT != 4
      __threadfence();
#endif
      data[block] = data[block - 1] * 3 + 1;
    } else {
      data[0] = 1;
    }
#if FAULT != 4
    __threadfence();
#endif
    flags[block] = 1;
  }
}
