// The driver of kernel-check: guarded memory, a cache of compiled kernels, and the main function.
#include "KernelCheck.h"
#include "codegen/Lowering.h"
#include "codegen/cpu/Target.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <sys/mman.h>
#include <unistd.h>

namespace kernelcheck {

static size_t roundUp(size_t bytes, size_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }
static constexpr char kCanary = 0x5a;

Memory::Memory(size_t bytes) : bytes(bytes) {
  size_t page = sysconf(_SC_PAGESIZE), inner = roundUp(bytes + (bytes == 0), page);
  mappingBytes = inner + page;
  mapping = mmap(nullptr, mappingBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED || mprotect(static_cast<char *>(mapping) + inner, page, PROT_NONE) != 0)
    llvm::report_fatal_error("cannot map test memory");
  begin = static_cast<char *>(mapping) + inner - roundUp(bytes, 64);
  std::memset(begin + bytes, kCanary, roundUp(bytes, 64) - bytes);
}
Memory::~Memory() {
  if (isOverrun())
    llvm::report_fatal_error("a kernel wrote beyond its buffer");
  munmap(mapping, mappingBytes);
}
bool Memory::isOverrun() const {
  for (size_t i = bytes; i < roundUp(bytes, 64); ++i)
    if (begin[i] != kCanary)
      return true;
  return false;
}

namespace {

struct CompiledKernel {
  std::unique_ptr<mlir::motley::codegen::JitModule> module;
  motley_kernel function = nullptr;
  size_t scratchBytes = 0;
};

std::string compile(const std::string &text, int level, CompiledKernel &result) {
  static mlir::MLIRContext *context = [] {
    auto *made = new mlir::MLIRContext(mlir::MLIRContext::Threading::DISABLED);
    mlir::motley::codegen::prepareContext(*made);
    return made;
  }();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, context);
  if (!module)
    return "the module does not parse";
  auto jit = mlir::motley::codegen::jit(*module, level);
  if (!jit)
    return llvm::toString(jit.takeError());
  const motley_artifact_table *table = (*jit)->table();
  auto manifest = llvm::json::parse(llvm::StringRef(table->manifest, table->manifest_size));
  if (!manifest)
    return llvm::toString(manifest.takeError());
  const llvm::json::Array *kernels = manifest->getAsObject()->getArray("kernels");
  if (table->num_kernels != 1 || kernels->size() != 1)
    return "expected one kernel in the module";
  result.scratchBytes = *(*kernels)[0].getAsObject()->getInteger("scratch_bytes");
  result.function = table->kernels[level];
  result.module = std::move(*jit);
  return "";
}

struct NamedCheck {
  const char *name;
  void (*body)(Check &);
};
std::vector<NamedCheck> &registeredChecks() {
  static std::vector<NamedCheck> checks;
  return checks;
}

} // namespace

Registration::Registration(const char *name, void (*body)(Check &)) { registeredChecks().push_back({name, body}); }

void Check::fail(const std::string &message) {
  if (++failures <= 10)
    llvm::errs() << name << " (" << mlir::motley::codegen::kTargets[theLevel].name << "): " << message << "\n";
}

void Check::run(const std::string &kernel, const std::vector<Operand> &operands, int64_t numUnits,
                int64_t unitsPerCall) {
  static std::map<std::pair<std::string, int>, CompiledKernel> cache;
  CompiledKernel &compiled = cache[{kernel, theLevel}];
  if (!compiled.function) {
    std::string error = compile(kernel, theLevel, compiled);
    if (!error.empty()) {
      llvm::errs() << kernel << "\n";
      return fail("does not compile: " + error);
    }
  }
  std::vector<int64_t> slots;
  for (const Operand &operand : operands)
    slots.push_back(operand.bits);
  for (int64_t end = numUnits; end > 0;) {
    int64_t begin = unitsPerCall >= end ? 0 : end - unitsPerCall;
    Buffer<float> scratch(compiled.scratchBytes / sizeof(float));
    compiled.function(slots.data(), scratch.data(), begin, end);
    expect(!scratch.isOverrun(), "wrote beyond its scratch");
    end = begin;
  }
}

} // namespace kernelcheck

/// Runs the checks whose name contains the first argument, or all.
int main(int argc, char **argv) {
  using namespace kernelcheck;
  llvm::StringRef filter = argc > 1 ? argv[1] : "";
  int numPassed = 0, numFailed = 0;
  for (const NamedCheck &entry : registeredChecks()) {
    if (!llvm::StringRef(entry.name).contains(filter))
      continue;
    for (int level = 0; level <= mlir::motley::codegen::hostLevel(); ++level) {
      Check check(entry.name, level);
      entry.body(check);
      ++(check.numFailures() == 0 ? numPassed : numFailed);
    }
  }
  llvm::outs() << numPassed << " passed, " << numFailed << " failed\n";
  return numFailed != 0 || numPassed == 0;
}
