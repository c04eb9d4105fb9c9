// Loading of programs: from an image to a DriverModule, with the options and logs of the JIT.
#pragma once

#include "driver/Driver.h"
#include "driver/Image.h"

namespace ptxsim {

/// The CU_JIT_* options of a call: where messages and the time go. Those that tune code do not concern a simulator.
class JitOptions {
public:
  JitOptions(unsigned count, CUjit_option *options, void **values);
  void error(const std::string &message);
  void info(const std::string &message);
  /// Writes the lengths of the logs and the time taken back into the values.
  ~JitOptions();

private:
  struct Log {
    char *buffer = nullptr;
    size_t bytes = 0, used = 0;
    void **length = nullptr;
    void add(const std::string &message);
  };
  Log errors, infos;
  void **wallTime = nullptr;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// Throws Failure; the reason is in the error log, too.
std::shared_ptr<DriverModule> loadModule(Driver &driver, const ImageBytes &image, const std::string &name,
                                         JitOptions &options);
/// A whole file. Throws Failure (CUDA_ERROR_FILE_NOT_FOUND).
std::vector<uint8_t> readFile(const char *path);
/// The function of that name, made on first use; null if there is no such kernel.
std::shared_ptr<DriverFunction> getFunction(Driver &driver, const std::shared_ptr<DriverModule> &module,
                                            const std::string &name);
/// All kernels' names, program by program.
std::vector<std::string> kernelNames(const DriverModule &module);
void unloadModule(Driver &driver, const std::shared_ptr<DriverModule> &module);

/// Registers per thread as ptxas might allocate them: the widest point of the virtual registers' live ranges (by text
/// order), within what .maxnreg, .maxntid and .minnctapersm allow. An estimate: no machine code is made here.
unsigned estimateRegisters(const ptx::Function &kernel);

/// Sorts linked texts so that externs are defined before they are used; throws Failure for cycles.
std::vector<PtxText> orderForLinking(const std::vector<PtxText> &texts);

} // namespace ptxsim
