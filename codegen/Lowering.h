// From level 4 to machine code: the pass pipeline to the LLVM dialect, LLVM IR, optimisation, object code.
#ifndef MOTLEY_CODEGEN_LOWERING_H
#define MOTLEY_CODEGEN_LOWERING_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Support/LLVM.h"
#include "mlir/Support/Timing.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Target/TargetMachine.h"

#include <memory>
#include <string>

namespace mlir::motley::codegen {

/// Loads the dialects that codegen makes and the translations to LLVM IR.
void prepareContext(MLIRContext &context);

/// Lowers the kernels of level 4 (modules in the modules of the levels of instructions) to the LLVM dialect in place:
/// elementary functions become polynomials, then every dialect its LLVM form. An elementary function that has no
/// polynomial is an error: it would call a library.
LogicalResult lowerToLLVMDialect(ModuleOp root, TimingScope &timing);

/// One LLVM module with its own context and target, so that several can be compiled at the same time.
class MachineModule {
public:
  /// Translates a module in the LLVM dialect for `cpu` and `features` (what LLVM's -mcpu and -mattr take) without
  /// optimising it. `level` is the effort that is due to it from then on.
  static FailureOr<MachineModule> translate(ModuleOp module, StringRef name, StringRef cpu, StringRef features,
                                            llvm::CodeGenOptLevel level);

  StringRef name() const { return module->getName(); }
  /// Instructions, for a guess at how long it takes.
  unsigned size() const { return module->getInstructionCount(); }
  /// Runs LLVM's O3 where the effort is aggressive, else nothing. Touches nothing outside this object.
  void optimise();
  /// The LLVM IR as text.
  std::string printIR() const;
  /// Object code (position independent), or assembly. Call optimise() first.
  llvm::Expected<llvm::SmallString<0>> compile(llvm::CodeGenFileType type);

private:
  // The module goes before its context.
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
};

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_LOWERING_H
