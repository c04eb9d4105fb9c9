// What GroupModalities.cpp and GroupRouting.cpp share: one function's way from level 1 to level 2.
#ifndef MOTLEY_PASSES_GROUPING_H
#define MOTLEY_PASSES_GROUPING_H

#include "dialect/RowOperations.h"
#include "mlir/IR/IRMapping.h"
#include "passes/Passes.h"

namespace mlir::motley {

/// The operations of the value's block that it is computed from, in order.
inline SmallVector<Operation *> computationOf(Value value) {
  SmallVector<Operation *> ops;
  llvm::SmallPtrSet<Operation *, 8> needed{value.getDefiningOp()};
  for (Operation *op = value.getDefiningOp(); op; op = op->getPrevNode())
    if (needed.contains(op)) {
      ops.push_back(op);
      op->walk([&](Operation *inner) {
        for (Value operand : inner->getOperands())
          needed.insert(operand.getDefiningOp());
      });
    }
  return SmallVector<Operation *>(llvm::reverse(ops));
}

/// Rows that are numbered together: the slots of one table. The body of select_rows has a space of its own inside that
/// of its function; the bodies of experts share one.
struct RowSpace {
  Value groups;
  /// The space that the rows were chosen from, and which value there each argument of the body is. None for the base,
  /// and for the slots of experts, where a row of the outer space may stand several times.
  const RowSpace *outer = nullptr;
  IRMapping argumentOf = {};

  int64_t numGroups() const { return cast<GroupsType>(groups.getType()).getNumGroups(); }
  int64_t bound() const { return cast<GroupsType>(groups.getType()).getBound(); }
};

/// A block of row operations, the groups whose rows it is for (map[g] is 0, else -1), and its values in slot order.
struct RowCase {
  Block *body;
  SmallVector<int64_t> map;
  IRMapping values;
};

/// Whether a body may have other slots than it was written for: it holds no constant that differs from slot to slot.
bool canResize(Region &body);
/// Gives a body as many slots as the table that it shares with others.
void resizeBody(Block &body, int64_t slots);

/// How many slots the experts of a choice need at most.
struct SlotRule {
  int64_t numExperts;
  int64_t perRow; // experts of a row
  double share;   // of the rows for each expert, rounded up

  int64_t most(int64_t rows) const;
};

/// Rewrites one function.
class Grouper {
public:
  explicit Grouper(func::FuncOp function);
  LogicalResult run();

private:
  // ---- the function and its row operations (GroupModalities.cpp)
  LogicalResult findModalities();
  Value makeTable(Location loc, Value ids, int64_t numGroups, int64_t rows);
  Value makeBase(Location loc, int64_t rows);
  FlatSymbolRefAttr bankOf(FlatSymbolRefAttr variable);
  Value gather(Location loc, Value value, Value groups);
  Value combine(Location loc, Value value, Value groups);
  LogicalResult groupAtTop(Operation *op);
  LogicalResult groupOne(Operation *op, const RowSpace &space, RowCase &rows);
  void groupWeights(Operation *op, const RowSpace &space, RowCase &rows);
  void groupAttention(AttentionOp op, Value documents, IRMapping &values);
  FailureOr<Value> documentsIn(const RowSpace &space, Value documents, Operation *user);

  // ---- cases, experts, selections (GroupRouting.cpp)
  LogicalResult emitCases(MutableArrayRef<RowCase> cases, const RowSpace &space);
  LogicalResult inlineModalities(ByModalityOp op, const RowSpace &space, RowCase &rows);
  using Routed = std::pair<ExpertsOp, RowCase *>;
  static SlotRule ruleOf(Value chosen, int64_t numExperts);
  void readRules();
  int64_t boundSlots(ArrayRef<Routed> routed) const;
  bool canShareTable(const Routed &first, const Routed &second) const;
  LogicalResult emitExperts(ArrayRef<Routed> routed, const RowSpace &space);
  Value weigh(Value result, function_ref<Value(Type)> factorsOf);
  using Mixed = std::pair<SoftExpertsOp, RowCase *>;
  LogicalResult emitSoftExperts(ArrayRef<Mixed> mixed, const RowSpace &space); // GroupMixing.cpp
  LogicalResult emitMixture(ArrayRef<Mixed> mixed, const RowSpace &space);
  LogicalResult emitSelection(SelectRowsOp op, const RowSpace &space, RowCase &rows);
  Value split(Location loc, Value value, Value groups, ArrayRef<int64_t> owner, int64_t branch, int64_t numBranches,
              SmallVectorImpl<SplitGroupsOp> &made);
  Value merge(Location loc, ArrayRef<Value> branches, Value groups, ArrayRef<int64_t> owner);

  func::FuncOp function;
  OpBuilder b;
  Value ids, live;
  llvm::DenseMap<StringAttr, int64_t> modalityIndex;
  /// The experts that never lack slots and whose bodies can have more of them: they may share a table with those of
  /// other cases.
  llvm::DenseMap<Operation *, SlotRule> shareable;
  llvm::DenseMap<Attribute, FlatSymbolRefAttr> bankOfVariable;
};

} // namespace mlir::motley

#endif // MOTLEY_PASSES_GROUPING_H
