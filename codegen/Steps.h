// The host side of the artefact: step functions, the tables of runtime/abi.h, and the embedded manifest.
#ifndef MOTLEY_CODEGEN_STEPS_H
#define MOTLEY_CODEGEN_STEPS_H

#include "codegen/Manifest.h"
#include "codegen/cpu/Target.h"

namespace mlir::motley::codegen {

/// What the table of kernels points to: symbols[level][kernel].
using KernelSymbols = SmallVector<SmallVector<std::string>>;

/// Fills `host` (LLVM dialect) with the step functions of `module` and the exported `motley_artifact`.
LogicalResult emitSteps(ModuleOp module, ArrayRef<StepSignature> steps, const KernelSymbols &kernels,
                        StringRef manifest, ModuleOp host);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_STEPS_H
