// In-memory compilation: the same objects as the artefact's, linked into this process.
#include "codegen/Codegen.h"
#include "codegen/Link.h"
#include "codegen/Program.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"

namespace mlir::motley::codegen {
namespace {

class OrcModule final : public JitModule {
public:
  static llvm::Expected<std::unique_ptr<JitModule>> link(ArrayRef<llvm::SmallString<0>> objects) {
    auto jit = llvm::orc::LLJITBuilder().create();
    if (!jit)
      return jit.takeError();
    // memcpy, memset and memmove, to which LLVM lowers long copies.
    auto process = llvm::orc::DynamicLibrarySearchGenerator::GetForCurrentProcess('\0');
    if (!process)
      return process.takeError();
    (*jit)->getMainJITDylib().addGenerator(std::move(*process));
    for (const llvm::SmallString<0> &object : objects)
      if (llvm::Error error = (*jit)->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object)))
        return std::move(error);
    auto symbol = (*jit)->lookup("motley_artifact");
    if (!symbol)
      return symbol.takeError();
    auto result = std::make_unique<OrcModule>();
    result->artifact = symbol->toPtr<const motley_artifact_table *>();
    result->jit = std::move(*jit);
    return result;
  }

  const motley_artifact_table *table() const override { return artifact; }

private:
  std::unique_ptr<llvm::orc::LLJIT> jit;
  const motley_artifact_table *artifact = nullptr;
};

} // namespace

llvm::Expected<std::unique_ptr<JitModule>> jit(ModuleOp module, int level) {
  if (level < 0)
    return llvm::createStringError("this machine has no AVX2, which every kernel needs");
  if (level > hostLevel())
    return llvm::createStringError("this machine does not reach the level '" + kTargets[level].name + "'");
  TimingScope untimed;
  FailureOr<Program> program = Program::build(module, kTargets[level], untimed);
  if (failed(program))
    return llvm::createStringError("the module cannot be lowered to kernels");
  FailureOr<std::vector<MachineModule>> modules = program->compile(untimed);
  if (failed(modules))
    return llvm::createStringError("the kernels cannot be lowered to LLVM IR");
  auto objects = compileAll(*modules, llvm::CodeGenFileType::ObjectFile, untimed);
  if (!objects)
    return objects.takeError();
  if (llvm::Error error = checkSymbols(*objects))
    return std::move(error);
  return OrcModule::link(*objects);
}

} // namespace mlir::motley::codegen
