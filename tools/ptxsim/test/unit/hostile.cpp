// Hostile PTX executed: whatever the text says, the host process survives, ends in time and throws nothing but what it
// promises. Cases run in a forked process, one after the other; the parent watches it. A case depends on its seed
// alone.
//   PTXSIM_HOSTILE_SECONDS  how long to go on (default: a few seconds)
//   PTXSIM_HOSTILE_SEED     of the first case
//   PTXSIM_HOSTILE_PTX      a folder with more samples (*.ptx)
//   PTXSIM_HOSTILE_OUT      a folder for the texts of failures (default: the system's folder for temporary files)
//   PTXSIM_HOSTILE_SLACK    seconds that a case may take (default: 20)
//   PTXSIM_HOSTILE_ONLY     one case, in this process
#include "HostileText.h"
#include "engine/Device.h"
#include "engine/Memory.h"
#include "engine/TensorMap.h"

#include <atomic>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <new>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace ptxsim;
using namespace ptxsim::test;

namespace {

using Clock = std::chrono::steady_clock;

uint64_t setting(const char *name, uint64_t otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 0) : otherwise;
}

/// What the child tells the parent.
struct Progress {
  std::atomic<uint64_t> seed, done, parsed, launches, completed;
  std::atomic<int64_t> started; ///< of the case, by Clock
  std::atomic<bool> complained;
  char complaint[1000];
};

class World {
public:
  explicit World(std::mt19937_64 &random) : random(random) {
    a = buffer(65536);
    b = buffer(65536);
    TensorMap map;
    map.type = TensorType::F16;
    map.rank = 2;
    map.base = b;
    map.sizes = {64, 64, 1, 1, 1};
    map.strides = {128, 0, 0, 0};
    map.box = {32, 32, 1, 1, 1};
    map.swizzle = TensorSwizzle(random() % 3);
    std::string error;
    uint8_t bytes[kTensorMapBytes];
    EXPECT_TRUE(encode(bytes, map, error)) << error;
    mapAddress = buffer(1024);
    std::memcpy(reinterpret_cast<void *>(mapAddress), bytes, sizeof bytes);
  }

  LaunchResult launch(const Program &program, const ptx::Function &function) {
    std::vector<uint8_t> parameters(function.parameterBytes());
    for (uint8_t &byte : parameters)
      byte = uint8_t(random() % 8 ? 0 : random());
    const uint64_t usual[] = {a, b, mapAddress, 1 + random() % 40};
    size_t next = 0;
    for (const auto &parameter : function.parameters) {
      uint64_t value = parameter->bytes == 8 && next < 4 ? usual[next++]
                       : parameter->bytes == 8           ? a + random() % 128 * 16
                                                         : random() % 200;
      if (random() % 30 == 0)
        value = random() >> random() % 64;
      std::memcpy(parameters.data() + function.parameterOffset(*parameter), &value,
                  std::min<uint64_t>(8, parameter->bytes));
    }
    return device.launch({&program, &function}, configuration(function), parameters, options());
  }

  Device device{architecture("sm_90a")};

private:
  std::mt19937_64 &random;
  uint64_t a, b, mapAddress;

  uint64_t buffer(uint64_t bytes) {
    uint64_t address = device.memory().allocate(bytes, "buffer");
    std::memset(reinterpret_cast<void *>(address), 0, bytes);
    device.memory().markDefined(address, bytes);
    return address;
  }
  LaunchConfig configuration(const ptx::Function &function) {
    static const uint32_t blocks[] = {1, 31, 32, 33, 64, 96, 128, 128, 128, 257, 1024, 1025};
    LaunchConfig config;
    config.block[0] = random() % 3 ? 128 : blocks[random() % std::size(blocks)];
    if (random() % 10 == 0)
      config.block = {uint32_t(1 + random() % 20), uint32_t(random() % 7), uint32_t(1 + random() % 4)};
    if (function.reqntid[0])
      config.block = function.reqntid;
    config.cluster[0] = random() % 4 ? 1 : 2;
    config.grid[0] = uint32_t(config.cluster[0] * (1 + random() % 3));
    if (random() % 40 == 0)
      config.grid = {0x7ffffffe, 1, 1};
    config.dynamicShared = random() % 3 ? 0 : random() % 8 ? uint32_t(random() % 50000) : uint32_t(random());
    config.cooperative = random() % 16 == 0;
    return config;
  }
  Options options() {
    Options options;
    const CheckSet sets[] = {
        CheckSet::none(), CheckSet::memorySafety(), CheckSet::all(), {uint32_t(random()) & CheckSet::all().bits}};
    options.checks = sets[random() % 4];
    options.randomSchedule = random() % 2;
    options.seed = random();
    options.workers = 1 + random() % 2;
    options.maxSteps = random() % 8 ? 20000 : 0;
    options.timeLimit = std::chrono::seconds(1);
    options.maxFindings = random() % 4 ? 20 : random() % 3;
    return options;
  }
};

std::vector<std::string> samples() {
  std::vector<std::string> texts;
  for (const char *body : kHostileBodies)
    texts.push_back(hostileKernel(body));
  if (const char *folder = std::getenv("PTXSIM_HOSTILE_PTX"))
    for (const auto &entry : std::filesystem::directory_iterator(folder))
      if (entry.path().extension() == ".ptx") {
        std::ifstream in(entry.path());
        texts.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
      }
  return texts;
}

/// One case. What it may throw it catches.
void run(uint64_t seed, const std::vector<std::string> &texts, Progress &progress) {
  const std::string text = HostileText(seed, texts).make();
  std::mt19937_64 random(seed ^ 0x5bd1e995);
  World world(random);
  std::shared_ptr<Program> program;
  try {
    program = world.device.load(text, "hostile.ptx");
  } catch (const ptx::Error &) {
    return;
  }
  ++progress.parsed;
  unsigned left = 3;
  for (const auto &function : program->module().functions) {
    if (!function->isEntry || !function->hasBody || left == 0)
      continue;
    for (unsigned k = 0; k < 2 && left; ++k, --left)
      try {
        ++progress.launches;
        LaunchResult result = world.launch(*program, *function);
        progress.completed += result.completed;
        for (const Finding &finding : result.findings)
          format(finding);
      } catch (const ptx::Error &) {            // no translation
      } catch (const std::invalid_argument &) { // no such configuration
      }
  }
}

void complain(Progress &progress, const char *text) {
  std::strncpy(progress.complaint, text, sizeof progress.complaint - 1);
  progress.complained = true;
}

[[noreturn]] void childMain(uint64_t seed, const std::vector<std::string> &texts, Progress &progress) {
  dup2(open("/dev/null", O_WRONLY), 1); // what kernels print
  for (;; ++seed) {
    progress.seed = seed;
    progress.started = Clock::now().time_since_epoch().count();
    try {
      run(seed, texts, progress);
    } catch (const std::exception &error) {
      complain(progress, error.what());
      _exit(3);
    }
    ++progress.done;
  }
}

uint64_t residentBytes(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  uint64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * uint64_t(sysconf(_SC_PAGESIZE));
}

/// Runs cases until the end or until one fails; then says how, else returns an empty text.
std::string watch(uint64_t first, Clock::time_point end, const std::vector<std::string> &texts, Progress &progress) {
  const auto slack = std::chrono::seconds(setting("PTXSIM_HOSTILE_SLACK", 20));
  progress.complained = false;
  progress.seed = first;
  progress.started = Clock::now().time_since_epoch().count();
  pid_t child = fork();
  if (child == 0)
    childMain(first, texts, progress);
  std::string failure;
  for (int status = 0;;) {
    if (waitpid(child, &status, WNOHANG) == child) {
      if (progress.complained)
        return std::string("threw: ") + progress.complaint;
      return WIFSIGNALED(status) ? std::string("signal: ") + strsignal(WTERMSIG(status))
                                 : "ended with status " + std::to_string(WEXITSTATUS(status));
    }
    if (Clock::now().time_since_epoch() - Clock::duration(progress.started) > slack)
      failure = "took longer than " + std::to_string(slack.count()) + " s";
    else if (residentBytes(child) > 6ull << 30)
      failure = "took more than 6 GiB of memory";
    if (!failure.empty() || Clock::now() > end)
      break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return failure;
}

TEST(Hostile, Samples) {
  std::mt19937_64 random(1);
  World world(random);
  for (const char *body : kHostileBodies) {
    std::string text = hostileKernel(body);
    try {
      auto program = world.device.load(text, "sample.ptx");
      EXPECT_NE(program->kernel("k").function, nullptr);
    } catch (const ptx::Error &error) {
      ADD_FAILURE() << error.what() << "\n" << body;
    }
  }
}

TEST(Hostile, Cases) {
  const std::vector<std::string> texts = samples();
  auto *progress =
      new (mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Progress();
  if (std::getenv("PTXSIM_HOSTILE_ONLY")) {
    uint64_t seed = setting("PTXSIM_HOSTILE_ONLY", 0);
    run(seed, texts, *progress);
    return;
  }
  const auto end = Clock::now() + std::chrono::seconds(setting("PTXSIM_HOSTILE_SECONDS", 6));
  std::filesystem::path out = std::filesystem::temp_directory_path();
  if (const char *folder = std::getenv("PTXSIM_HOSTILE_OUT"))
    out = folder;
  uint64_t seed = setting("PTXSIM_HOSTILE_SEED", 1);
  while (Clock::now() < end) {
    std::string failure = watch(seed, end, texts, *progress);
    if (failure.empty())
      break;
    const uint64_t failed = progress->seed;
    std::filesystem::path file = out / ("hostile-" + std::to_string(failed) + ".ptx");
    std::ofstream(file) << HostileText(failed, texts).make();
    ADD_FAILURE() << "case " << failed << " " << failure << "; its text is in " << file
                  << "; PTXSIM_HOSTILE_ONLY=" << failed << " repeats it";
    seed = failed + 1;
  }
  std::cout << progress->done << " cases, " << progress->parsed << " accepted, " << progress->launches << " launches, "
            << progress->completed << " completed\n";
  EXPECT_GT(progress->launches, progress->done / 10) << "hardly any case runs: the samples are broken";
  munmap(progress, sizeof(Progress));
}

} // namespace
