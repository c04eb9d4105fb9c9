// The rows of the instruction table by family; private to the table.
//
// A pattern is the opcode and then pieces: ".x" is due, "{.x}" and "{.x|.y.z}" may be absent, ".(x|y)" is one of the
// words, "(.x|.y.z)" one of the sequences. Rows are tried in order.
#pragma once

#include "ptx/InstructionTable.h"

namespace ptxsim::ptx {

llvm::ArrayRef<Form> integerForms();
llvm::ArrayRef<Form> floatForms();
llvm::ArrayRef<Form> halfForms();
llvm::ArrayRef<Form> conversionForms();
llvm::ArrayRef<Form> logicForms();
llvm::ArrayRef<Form> videoForms();
llvm::ArrayRef<Form> memoryForms();
llvm::ArrayRef<Form> atomicForms();
llvm::ArrayRef<Form> warpForms();
llvm::ArrayRef<Form> barrierForms();
llvm::ArrayRef<Form> asyncForms();
llvm::ArrayRef<Form> tensorForms();
llvm::ArrayRef<Form> matrixForms();
llvm::ArrayRef<Form> wmmaForms();
llvm::ArrayRef<Form> wgmmaForms();
llvm::ArrayRef<Form> controlForms();

/// Assemblers take modifiers in any order (the CUDA headers write atom.add.release.gpu.u32): puts the pieces into the
/// order of the first row that they match this way. False if there is none.
bool reorderPieces(llvm::SmallVectorImpl<llvm::StringRef> &parts);
/// Which of the pieces no row can match (0: the opcode); parts.size() if one is missing at the end.
int firstWrongPiece(llvm::ArrayRef<llvm::StringRef> parts);

} // namespace ptxsim::ptx
