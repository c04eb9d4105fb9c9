// The oracle of the project: levels 1 and 2 of the motley dialect, evaluated naively in float64.
//
// Clarity comes before speed: every operation is the loop that its description states. Nothing is shared with the
// passes or with code generation. Problems are diagnostics at the operation's location and a failed result.
//
//   Interpreter interpreter(module);
//   interpreter.initialise(/*seed=*/1);
//   auto results = interpreter.run("eval", arguments);
//   interpreter.getVariables().find("embed")->slot(StateSlot::grad)
#ifndef MOTLEY_TOOLS_INTERP_INTERPRETER_H
#define MOTLEY_TOOLS_INTERP_INTERPRETER_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tools/interp/Choices.h"
#include "tools/interp/Value.h"
#include "tools/interp/VariableStore.h"

namespace mlir::motley::interp {

/// Registers the dialects of the programs that the interpreter runs.
void registerDialects(DialectRegistry &registry);

/// Rows that chose each expert: [1, E] from motley.observe, over the live rows where it stands, [G, E] from
/// motley.count_chosen.
struct Observation {
  std::string name;
  Tensor counts;
};

class Interpreter {
public:
  explicit Interpreter(ModuleOp module) : module(module), variables(module) {}

  /// Gives every variable of the module the initial values of its declaration.
  void initialise(uint64_t seed);

  /// Runs a function. Variables keep what it writes to them.
  FailureOr<std::vector<RuntimeValue>> run(StringRef function, ArrayRef<RuntimeValue> arguments);
  FailureOr<std::vector<RuntimeValue>> run(func::FuncOp function, ArrayRef<RuntimeValue> arguments);

  ModuleOp getModule() { return module; }
  VariableStore &getVariables() { return variables; }
  ChoiceLog &getChoices() { return choices; }
  /// Those of the last run, in the order in which they were made.
  std::vector<Observation> &getObservations() { return observations; }

  /// Leaves operands of products as they are, whatever precision the operations name.
  void setExact(bool value) { exact = value; }
  bool isExact() const { return exact; }

private:
  ModuleOp module;
  VariableStore variables;
  ChoiceLog choices;
  std::vector<Observation> observations;
  bool exact = false;
  int64_t callDepth = 0;
};

/// The field that an argument of a function holds, if it says so.
std::optional<Field> fieldOfArgument(func::FuncOp function, unsigned index);

} // namespace mlir::motley::interp

#endif // MOTLEY_TOOLS_INTERP_INTERPRETER_H
