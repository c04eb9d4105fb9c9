// merge(f(a), f(b)) is f(merge(a, b)) for operations that treat rows one by one, weights being named by the group; and
// merge(split(x)) is x. Applied from the merges upwards, branches that are equal vanish as a whole, forward and
// backward alike.
//
// What merges to what is remembered by the tuple of branch values and by whose rows they are, so a value that both the
// forward and the backward merge is made once. A merged operation stands before the first of the operations that it
// replaces where what it reads is known there, else behind what it reads.
#include "passes/FuseBranches.h"
#include "passes/BankUnion.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace mlir::motley;

namespace {

using Branches = std::vector<Value>;

/// What a merge merges: from groups g, the rows of branches[owner[g]], or of none where that is -1.
struct MergeKey {
  Value groups;
  DenseI64ArrayAttr owner;
  Branches branches;

  bool operator==(const MergeKey &other) const {
    return groups == other.groups && owner == other.owner && branches == other.branches;
  }
};

struct MergeKeyInfo {
  static MergeKey getEmptyKey() { return {llvm::DenseMapInfo<Value>::getEmptyKey(), {}, {}}; }
  static MergeKey getTombstoneKey() { return {llvm::DenseMapInfo<Value>::getTombstoneKey(), {}, {}}; }
  static unsigned getHashValue(const MergeKey &key) {
    llvm::hash_code hash = llvm::hash_combine(key.groups.getAsOpaquePointer(), key.owner.getAsOpaquePointer());
    for (Value value : key.branches)
      hash = llvm::hash_combine(hash, value.getAsOpaquePointer());
    return hash;
  }
  static bool isEqual(const MergeKey &a, const MergeKey &b) { return a == b; }
};

class BranchFuser {
public:
  BranchFuser(func::FuncOp function)
      : function(function), module(function->getParentOfType<ModuleOp>()), b(function.getContext()) {}

  int64_t run() {
    SmallVector<MergeGroupsOp> merges(function.getOps<MergeGroupsOp>());
    int64_t before = merges.size();
    for (MergeGroupsOp merge : merges) {
      groups = merge.getGroups();
      owner = merge.getOwnerAttr();
      Branches inputs(merge.getInputs().begin(), merge.getInputs().end());
      Value merged = mergeValues(inputs);
      merge.getResult().replaceAllUsesWith(merged);
      for (auto &entry : known)
        if (entry.second == merge.getResult())
          entry.second = merged;
      merge.erase();
    }
    fuseRouters();
    fuseGradients<GroupedOuterOp>();
    fuseGradients<GroupedSumOp>();
    removeReplacedWriters();
    readBranchesFromMerged();
    removeDead();
    return before - static_cast<int64_t>(llvm::range_size(function.getOps<MergeGroupsOp>()));
  }

private:
  func::FuncOp function;
  ModuleOp module;
  OpBuilder b;
  Value groups;
  DenseI64ArrayAttr owner;
  llvm::MapVector<MergeKey, Value, llvm::DenseMap<MergeKey, unsigned, MergeKeyInfo>>
      known; // in order: output is deterministic

  /// Operations that write gradients beside their result, and the merged one that writes them instead.
  struct ReplacedWriters {
    SmallVector<Operation *> ops;
    Operation *merged;
    Value groups;
    DenseI64ArrayAttr owner;
  };
  SmallVector<ReplacedWriters> replacedWriters;
  /// The same for operations without effects, where the merged one stands before them.
  SmallVector<ReplacedWriters> replacedBranches;

  /// With the groups and the owner of the merge at hand.
  MergeKey keyOf(const Branches &branches) const { return {groups, owner, branches}; }

  /// The value that has each group's rows from its branch.
  Value mergeValues(const Branches &branches) {
    if (Value value = known.lookup(keyOf(branches)))
      return value;
    if (llvm::all_equal(branches))
      return branches.front();
    Value merged = undoSplit(branches);
    if (!merged)
      merged = mergeOperations(branches);
    if (!merged)
      merged = mergeClasses(branches);
    if (!merged)
      merged = makeMerge(branches, owner.asArrayRef());
    return known[keyOf(branches)] = merged;
  }

  /// Groups that no branch owns are dead; the operation wants a number for them.
  DenseI64ArrayAttr ownerForOperation(ArrayRef<int64_t> owner) {
    SmallVector<int64_t> valid =
        llvm::map_to_vector(owner, [](int64_t branch) { return std::max<int64_t>(branch, 0); });
    return b.getDenseI64ArrayAttr(valid);
  }

  Value makeMerge(const Branches &branches, ArrayRef<int64_t> owner) {
    placeBehind(branches);
    return MergeGroupsOp::create(b, branches[0].getLoc(), branches[0].getType(), branches, groups,
                                 ownerForOperation(owner));
  }

  /// Of branches that are not all alike, those that are become one each, and these are merged.
  Value mergeClasses(const Branches &branches) {
    SmallVector<SmallVector<int64_t>> classes;
    for (auto [i, value] : llvm::enumerate(branches)) {
      auto belongs = [&, value = value](ArrayRef<int64_t> members) {
        Operation *first = branches[members.front()].getDefiningOp(), *op = value.getDefiningOp();
        return first && op && first != op && commutesWithMerge(op) && areAlike({first, op}) &&
               cast<OpResult>(branches[members.front()]).getResultNumber() == cast<OpResult>(value).getResultNumber();
      };
      auto found = llvm::find_if(classes, belongs);
      if (found == classes.end())
        classes.push_back({static_cast<int64_t>(i)});
      else
        found->push_back(i);
    }
    if (classes.size() == 1 || classes.size() == branches.size())
      return {};
    DenseI64ArrayAttr all = owner;
    SmallVector<int64_t> classOfGroup(all.size(), -1);
    Branches merged;
    for (auto [number, members] : llvm::enumerate(classes)) {
      Branches part;
      SmallVector<int64_t> ownerInClass(all.size(), -1);
      for (int64_t branch : members) {
        for (auto [group, owned] : llvm::enumerate(all.asArrayRef()))
          if (owned == branch) {
            ownerInClass[group] = part.size();
            classOfGroup[group] = number;
          }
        part.push_back(branches[branch]);
      }
      owner = b.getDenseI64ArrayAttr(ownerInClass);
      merged.push_back(part.size() == 1 ? part.front() : mergeValues(part));
      owner = all;
    }
    return makeMerge(merged, classOfGroup);
  }

  /// Behind the last definition of the branches.
  void placeBehind(ArrayRef<Value> branches) {
    Operation *last = nullptr;
    for (Value value : branches)
      if (Operation *op = value.getDefiningOp(); op && (!last || last->isBeforeInBlock(op)))
        last = op;
    if (last)
      b.setInsertionPointAfter(last);
    else
      b.setInsertionPointToStart(&function.getBody().front());
  }

  /// What was split, where each group's rows come from its own part.
  Value undoSplit(const Branches &branches) {
    auto split = branches[0].getDefiningOp<SplitGroupsOp>();
    if (!split || split.getGroups() != groups)
      return {};
    for (auto [group, branch] : llvm::enumerate(owner.asArrayRef()))
      if (branch >= 0 && branches[branch] != split.getResult(split.getOwner()[group]))
        return {};
    return split.getInput();
  }

  static bool commutesWithMerge(Operation *op) {
    return op->hasTrait<OpTrait::Elementwise>() ||
           isa<MapOp, RopeOp, GroupedNormOp, GroupedNormBackwardOp, GroupedBiasOp>(op) ||
           (isa<GroupedMatmulOp>(op) && cast<GroupedMatmulOp>(op).getEpilogue().empty());
  }
  /// Attributes that name weights; the rest must be equal.
  static bool namesWeights(StringRef name) {
    return name == "bank" || name == "gain" || name == "bias" || name == "map";
  }

  bool areAlike(ArrayRef<Operation *> ops) {
    Operation *first = ops.front();
    for (Operation *op : ops.drop_front()) {
      if (op == first || op->getName() != first->getName() || op->getResultTypes() != first->getResultTypes() ||
          op->getNumOperands() != first->getNumOperands() || op->getAttrs().size() != first->getAttrs().size())
        return false;
      for (NamedAttribute attr : first->getAttrs()) {
        Attribute other = op->getAttr(attr.getName());
        if (!other || (!namesWeights(attr.getName()) && other != attr.getValue()))
          return false;
      }
      for (auto [a, c] : llvm::zip(op->getRegions(), first->getRegions()))
        if (!OperationEquivalence::isRegionEquivalentTo(&a, &c, OperationEquivalence::IgnoreLocations))
          return false;
      for (auto [a, c] : llvm::zip(op->getOperands(), first->getOperands()))
        if (a.getType() != c.getType() || (!isMerged(a) && a != c))
          return false;
    }
    return true;
  }
  /// Tensors of f32 are merged; integers (positions, choices) and scalars must be the same.
  static bool isMerged(Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type && type.getElementType().isF32();
  }

  Value mergeOperations(const Branches &branches) {
    SmallVector<Operation *> ops;
    unsigned resultNumber = 0;
    for (Value value : branches) {
      auto result = dyn_cast<OpResult>(value);
      if (!result || !commutesWithMerge(result.getOwner()))
        return {};
      resultNumber = result.getResultNumber();
      if (resultNumber != cast<OpResult>(branches[0]).getResultNumber())
        return {};
      ops.push_back(result.getOwner());
    }
    if (!areAlike(ops))
      return {};
    if (!uniteBanks(ops))
      return {};

    SmallVector<Value> operands; // by position: one branch may read a value twice where another reads two
    for (unsigned i = 0; i < ops[0]->getNumOperands(); ++i) {
      Branches read;
      for (Operation *op : ops)
        read.push_back(op->getOperand(i));
      operands.push_back(isMerged(read[0]) ? mergeValues(read) : read[0]);
    }
    placeMerged(ops, operands);
    Operation *merged = b.insert(ops[0]->clone());
    merged->setOperands(operands);
    SmallVector<Location> locations;
    for (Operation *op : ops)
      locations.push_back(op->getLoc());
    merged->setLoc(FusedLoc::get(b.getContext(), locations));
    if (merged->hasAttr("map"))
      merged->setAttr("map", uniteMaps(ops));
    if (isa<GroupedNormBackwardOp>(merged))
      replacedWriters.push_back({SmallVector<Operation *>(ops), merged, groups, owner});
    for (unsigned i = 0; i < merged->getNumResults(); ++i) {
      Branches results;
      for (Operation *op : ops)
        results.push_back(op->getResult(i));
      known[keyOf(results)] = merged->getResult(i);
    }
    if (isMemoryEffectFree(merged) && llvm::all_of(ops, [&](Operation *op) { return merged->isBeforeInBlock(op); }))
      replacedBranches.push_back({SmallVector<Operation *>(ops), merged, groups, owner});
    return merged->getResult(resultNumber);
  }

  /// Before the first of the operations where what they read is known there, so that whoever reads one branch alone (a
  /// choice) can read it from the merged one; else behind what it reads.
  void placeMerged(ArrayRef<Operation *> ops, ArrayRef<Value> operands) {
    Operation *first =
        *std::min_element(ops.begin(), ops.end(), [](Operation *a, Operation *c) { return a->isBeforeInBlock(c); });
    Operation *last = nullptr;
    for (Value operand : operands)
      if (Operation *op = operand.getDefiningOp(); op && (!last || last->isBeforeInBlock(op)))
        last = op;
    if (!last || last->isBeforeInBlock(first))
      b.setInsertionPoint(first);
    else
      b.setInsertionPointAfter(last);
  }

  /// After their banks are one: group g meets what its branch maps it to.
  DenseI64ArrayAttr uniteMaps(ArrayRef<Operation *> ops) {
    SmallVector<int64_t> map;
    for (auto [group, branch] : llvm::enumerate(owner.asArrayRef()))
      map.push_back(branch < 0 ? -1 : ops[branch]->getAttrOfType<DenseI64ArrayAttr>("map")[group]);
    return b.getDenseI64ArrayAttr(map);
  }

  /// Makes the operations name the same banks, or says that it can't be done. Checks before it changes anything.
  bool uniteBanks(ArrayRef<Operation *> ops) {
    SmallVector<SmallVector<BankOp>> toUnite;
    for (StringRef name : {"bank", "gain", "bias"}) {
      if (!ops[0]->hasAttr(name) || !isa<FlatSymbolRefAttr>(ops[0]->getAttr(name)))
        continue;
      SmallVector<BankOp> banks;
      for (Operation *op : ops) {
        auto symbol = op->getAttrOfType<FlatSymbolRefAttr>(name);
        banks.push_back(symbol ? lookupBank(op, symbol) : BankOp());
      }
      if (llvm::all_equal(banks))
        continue;
      for (auto [i, bank] : llvm::enumerate(banks))
        if (!bank || llvm::is_contained(ArrayRef(banks).take_front(i), bank) || !haveEqualRanges(bank, banks[0]))
          return false;
      toUnite.push_back(banks);
    }
    // Gain and bias share a map: both are united, or neither.
    if (toUnite.size() == 1 && ops[0]->getAttrOfType<FlatSymbolRefAttr>("bias") && ops[0]->hasAttr("gain"))
      return false;
    for (ArrayRef<BankOp> banks : toUnite)
      uniteMembers(module, banks);
    return true;
  }
  static bool haveEqualRanges(BankOp a, BankOp c) {
    if (a.getNumRanges() != c.getNumRanges())
      return false;
    for (int64_t range = 0; range < a.getNumRanges(); ++range)
      if (a.getRangeType(range) != c.getRangeType(range))
        return false;
    return true;
  }

  /// Gates that branches made for one table come from one operation; in a function without backward no merge asks for
  /// it.
  void fuseRouters() {
    for (SlotValuesOp slots : function.getOps<SlotValuesOp>()) {
      auto select = slots.getGroups().getDefiningOp<SelectOp>();
      Branches branches(slots.getValues().begin(), slots.getValues().end());
      if (!select || branches.size() < 2 || llvm::all_equal(branches))
        continue;
      groups = select.getBy();
      owner = ownerForOperation(select.getOwner());
      if (!known.lookup(keyOf(branches)))
        mergeOperations(branches);
    }
  }

  /// Writers of gradients without results: united where all that they read is known merged.
  template <typename OpT> void fuseGradients() {
    llvm::SmallPtrSet<Operation *, 16> united; // and erased, though listed
    for (OpT first : SmallVector<OpT>(function.getOps<OpT>())) {
      if (united.contains(first))
        continue;
      for (auto &entry : known) {
        const Branches &branches = entry.first.branches;
        groups = entry.first.groups;
        owner = entry.first.owner;
        if (branches.size() < 2 || branches[0] != first->getOperand(0))
          continue;
        SmallVector<Operation *> ops{first};
        for (Value branch : ArrayRef(branches).drop_front())
          for (Operation *user : branch.getUsers())
            if (auto other = dyn_cast<OpT>(user); other && other->getOperand(0) == branch && canJoin(ops, other)) {
              ops.push_back(other);
              break;
            }
        if (ops.size() == branches.size() && fuseWriters(ops)) {
          united.insert(ops.begin(), ops.end());
          break;
        }
      }
    }
  }
  bool canJoin(ArrayRef<Operation *> ops, Operation *other) {
    SmallVector<Operation *> all(ops);
    all.push_back(other);
    if (!areAlike(all))
      return false;
    for (unsigned i = 1; i < other->getNumOperands();
         ++i) // a pair occurs in the merged tuples, or the operand is the same
      if (carriesRows(other->getOperand(i)) && llvm::none_of(known, [&](auto &entry) {
            const auto &[itsGroups, itsOwner, branches] = entry.first;
            return itsGroups == groups && itsOwner == owner && branches.size() > ops.size() &&
                   branches[0] == ops[0]->getOperand(i) && branches[ops.size()] == other->getOperand(i);
          }))
        return false;
    return true;
  }
  static bool carriesRows(Value value) { return isa<RankedTensorType>(value.getType()); }

  bool fuseWriters(ArrayRef<Operation *> ops) {
    SmallVector<Value> operands;
    for (unsigned i = 0; i < ops[0]->getNumOperands(); ++i) {
      Branches branches;
      for (Operation *op : ops)
        branches.push_back(op->getOperand(i));
      Value operand = carriesRows(branches[0]) ? known.lookup(keyOf(branches)) : branches[0];
      if (!operand)
        return false;
      operands.push_back(operand);
    }
    if (!uniteBanks(ops))
      return false;
    Operation *last = ops[0];
    SmallVector<Location> locations;
    for (Operation *op : ops) {
      locations.push_back(op->getLoc());
      if (last->isBeforeInBlock(op))
        last = op;
    }
    b.setInsertionPointAfter(last);
    for (Value operand : operands) // a merged value stands behind its branches, perhaps behind this
      if (Operation *op = operand.getDefiningOp();
          op && b.getInsertionPoint() != b.getBlock()->end() && !op->isBeforeInBlock(&*b.getInsertionPoint()))
        b.setInsertionPointAfter(op);
    Operation *merged = b.insert(ops[0]->clone());
    merged->setOperands(operands);
    merged->setLoc(FusedLoc::get(b.getContext(), locations));
    merged->setAttr("map", uniteMaps(ops));
    for (Operation *op : ops)
      op->erase();
    return true;
  }

  /// Whatever still reads one branch of a merged writer reads its part of the merged result.
  void removeReplacedWriters() {
    for (auto &[ops, merged, groups, owner] : replacedWriters) {
      b.setInsertionPointAfter(merged);
      SmallVector<Type> types(ops.size(), merged->getResult(0).getType());
      auto split = SplitGroupsOp::create(b, merged->getLoc(), types, merged->getResult(0), groups,
                                         ownerForOperation(owner.asArrayRef()));
      for (auto [op, part] : llvm::zip(ops, split.getResults())) {
        op->getResult(0).replaceAllUsesWith(part);
        op->erase();
      }
    }
  }

  void readBranchesFromMerged() {
    for (auto &[ops, merged, groups, owner] : replacedBranches)
      for (unsigned i = 0; i < merged->getNumResults(); ++i) {
        b.setInsertionPointAfter(merged);
        Value whole = merged->getResult(i);
        auto split = SplitGroupsOp::create(b, merged->getLoc(), SmallVector<Type>(ops.size(), whole.getType()), whole,
                                           groups, ownerForOperation(owner.asArrayRef()));
        for (auto [op, part] : llvm::zip(ops, split.getResults()))
          op->getResult(i).replaceAllUsesWith(part);
      }
  }

  void removeDead() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(function.getBody().front())))
      if (isOpTriviallyDead(&op))
        op.erase();
  }
};

} // namespace

int64_t mlir::motley::fuseBranches(func::FuncOp function) { return BranchFuser(function).run(); }
