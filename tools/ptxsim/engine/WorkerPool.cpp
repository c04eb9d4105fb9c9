#include "engine/WorkerPool.h"

namespace ptxsim {

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(mutex);
    ending = true;
  }
  available.notify_all();
  for (std::thread &thread : threads)
    thread.join();
}

void WorkerPool::serve() {
  std::unique_lock lock(mutex);
  for (;;) {
    available.wait(lock, [&] { return ending || !jobs.empty(); });
    if (jobs.empty())
      return;
    Job job = jobs.back();
    jobs.pop_back();
    lock.unlock();
    (*job.work)(job.index);
    lock.lock();
    --outstanding;
    if (--*job.left == 0)
      done.notify_all();
  }
}

void WorkerPool::run(unsigned count, const std::function<void(unsigned)> &work) {
  unsigned left = count - 1;
  if (left) {
    std::lock_guard lock(mutex);
    for (unsigned index = 1; index < count; ++index)
      jobs.push_back({&work, index, &left});
    // Launches may run side by side; all workers of one must run at the same time, as their blocks may wait for each
    // other.
    outstanding += left;
    while (threads.size() < outstanding)
      threads.emplace_back([this] { serve(); });
  }
  available.notify_all();
  work(0);
  if (count > 1) {
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return left == 0; });
  }
}

} // namespace ptxsim
