// Host threads that live from launch to launch.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ptxsim {

class WorkerPool {
public:
  ~WorkerPool();
  /// Runs work(0) on the caller and work(1) .. work(count - 1) on other host threads; returns when all have ended.
  void run(unsigned count, const std::function<void(unsigned)> &work);

private:
  void serve();
  struct Job {
    const std::function<void(unsigned)> *work;
    unsigned index;
    unsigned *left; ///< guarded by `mutex`
  };
  std::mutex mutex;
  std::condition_variable available, done;
  std::vector<Job> jobs;
  std::vector<std::thread> threads;
  size_t outstanding = 0; ///< jobs that have not ended
  bool ending = false;
};

} // namespace ptxsim
