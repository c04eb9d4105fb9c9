// Reads and writes .npy files (version 1 and 2; little endian, C order; f32, f64, i32, i64, bool).
#ifndef MOTLEY_TOOLS_INTERP_NPY_H
#define MOTLEY_TOOLS_INTERP_NPY_H

#include "tools/interp/Value.h"
#include "llvm/Support/Error.h"

namespace mlir::motley::interp {

llvm::Expected<Tensor> readNpy(const std::string &path);
/// Writes floats as f64 and integers as i64.
llvm::Error writeNpy(const std::string &path, const Tensor &tensor);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_NPY_H
