// What to compute again in the backward of a function: a model of when each value is alive, and a search over it.
//
// An *item* is an operation of the function, in its order; a *storage* is memory that operations share: a value and
// what only looks at it (split_groups). A plan chooses forward items. Each gets a clone in the backward, right before
// the first backward operation that reads one of its results, and all later ones read the clone.
#ifndef MOTLEY_PASSES_RECOMPUTATION_H
#define MOTLEY_PASSES_RECOMPUTATION_H

#include "passes/Passes.h"

namespace mlir::motley {

/// Attribute of a module at level 1 or 2: bytes that the activations of a step may take (IntegerAttr, i64).
inline constexpr StringLiteral kMemoryAttrName = "plan.memory";
/// Attribute of an operation that computes a value of the forward again (UnitAttr): it is not equal to the original,
/// and no elimination of common subexpressions makes them one.
inline constexpr StringLiteral kRecomputedAttrName = "plan.recomputed";

/// Where the cotangents of the losses are made and the backward begins; null in a function without a backward.
Operation *findBackwardStart(func::FuncOp function);

/// Floating-point operations of a forward operation of level 2, all rows being live.
int64_t countFlops(Operation *op);

/// The values of one function, and what becomes of them under a plan.
class RecomputeModel {
public:
  /// Of each item, whether it is chosen.
  using Plan = std::vector<bool>;
  static constexpr int kNowhere = std::numeric_limits<int>::max();

  /// What a plan leads to.
  struct Outcome {
    std::vector<int> place;       ///< of each forward item: the item that its clone stands before, or kNowhere
    std::vector<int64_t> profile; ///< bytes alive while each operation runs, clones among them
    int64_t peak = 0;             ///< of the profile
    int64_t flops = 0, cost = 0;  ///< of all clones
    int64_t numDropped = 0;       ///< values that the backward reads from clones
    int64_t droppedBytes = 0;     ///< of these values

    /// Bytes over the budget, summed over the operations.
    int64_t excess(int64_t budget) const;
  };

  /// `backwardStart` is an operation of the function's one block.
  RecomputeModel(func::FuncOp function, Operation *backwardStart);

  Outcome evaluate(const Plan &plan) const;

  ArrayRef<Operation *> getItems() const { return operations; }
  /// Forward items that may be chosen.
  ArrayRef<int> getCandidates() const { return candidates; }
  int64_t getCost(int item) const { return items[item].cost; }

private:
  struct Item {
    SmallVector<int, 4> reads, writes; // storages
    int64_t flops = 0, cost = 0;
    int64_t scratch = 0;      // bytes beside its operands and results while it runs
    bool isPure = false;      // may be cloned
    bool isInPlace = false;   // may write over an input that dies
    bool dropsUnread = false; // results that nobody reads take no memory
  };
  struct Storage {
    int64_t bytes = 0;
    int producer = -1;                                         // item
    int lastForward = -1, firstBackward = kNowhere, last = -1; // items that read it
  };

  void addItem(Operation *op);
  int addStorage(Value value, int64_t bytes, int producer);
  int64_t getBytes(ArrayRef<int> ids) const;
  std::vector<int> placeClones(const Plan &plan) const;

  std::vector<Operation *> operations;
  std::vector<Item> items;
  std::vector<Storage> storages;
  llvm::DenseMap<Value, int> storageOf;
  SmallVector<int> candidates;
  int backwardBegin = 0;
};

/// Whether an operation only looks at its operands: its results are the memory of its first one.
bool isView(Operation *op);

/// A plan whose peak is at most `budget` bytes with little to compute again; else the one of the lowest peak that was
/// found.
RecomputeModel::Plan searchPlan(const RecomputeModel &model, int64_t budget);

} // namespace mlir::motley

#endif // MOTLEY_PASSES_RECOMPUTATION_H
