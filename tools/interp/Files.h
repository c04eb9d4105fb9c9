// Arguments, results and variables as directories of .npy files.
//
//   DIR/args/0.npy or DIR/args/token.npy (the field that argument 0 holds)        DIR/results/0.npy
//   DIR/param/NAME.npy, DIR/grad/NAME.npy, DIR/m/NAME.npy, DIR/v/NAME.npy                   DIR/chosen/NAME.npy
// A partition among the results becomes 0.row.npy, 0.offset.npy and 0.inverse.npy (-1 where a row has no slot). In
// place of the inverse a selection has 0.begin.npy and 0.slot.npy: row r has the slots slot[begin[r]] to slot[begin[r +
// 1]].
#ifndef MOTLEY_TOOLS_INTERP_FILES_H
#define MOTLEY_TOOLS_INTERP_FILES_H

#include "tools/interp/Interpreter.h"
#include "llvm/Support/Error.h"

namespace mlir::motley::interp {

/// Reads the arguments of a function that are in the directory, starting with the given number of known ones.
llvm::Error readArguments(StringRef directory, func::FuncOp function, std::vector<RuntimeValue> &arguments);
/// Reads the variables that are in the directory and leaves the others alone; a file for no variable is an error.
llvm::Error readVariables(StringRef directory, VariableStore &variables);

llvm::Error writeResults(StringRef directory, ArrayRef<RuntimeValue> results);
/// What motley.observe and motley.count_chosen handed out, by name.
llvm::Error writeObservations(StringRef directory, ArrayRef<Observation> observations);
llvm::Error writeVariables(StringRef directory, VariableStore &variables);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_FILES_H
