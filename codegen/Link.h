// Files that code generation writes: linking with lld, the trailer, atomic replacement.
#ifndef MOTLEY_CODEGEN_LINK_H
#define MOTLEY_CODEGEN_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Error.h"

namespace mlir::motley::codegen {

enum class LinkKind { Relocatable, Shared };

/// Links object files held in memory; returns the linked image.
llvm::Expected<llvm::SmallString<0>> link(llvm::ArrayRef<llvm::SmallString<0>> objects, LinkKind kind);

/// Fails where the objects need a function that none of them has: a kernel must not call a library, and the artefact is
/// opened without any.
llvm::Error checkSymbols(llvm::ArrayRef<llvm::SmallString<0>> objects);

/// Appends the trailer of runtime/abi.h.
void appendTrailer(llvm::SmallVectorImpl<char> &image);

/// Writes beside `path` and renames, so that nobody sees half a file. "-" is standard output.
llvm::Error writeFile(llvm::StringRef path, llvm::ArrayRef<llvm::StringRef> contents);

} // namespace mlir::motley::codegen

#endif // MOTLEY_CODEGEN_LINK_H
