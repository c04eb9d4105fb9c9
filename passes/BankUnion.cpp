// Unites banks in a whole module. A use names its bank, its ranges and its map, so any two banks of fitting shapes can
// become one without changing what the module means.
#include "passes/BankUnion.h"

using namespace mlir;
using namespace mlir::motley;

namespace {

/// What the names share up to the last dot, and, where the banks are no mere members of one thing, what tells them
/// apart: `bank.q.text` and `bank.q.image` give `bank.q`; `bank.q` and `bank.k` give `bank.q_k`.
std::string uniteNames(ModuleOp module, ArrayRef<BankOp> banks, bool areMembers) {
  StringRef first = BankOp(banks.front()).getSymName();
  size_t common = first.size();
  for (BankOp bank : banks) {
    StringRef name = bank.getSymName();
    size_t i = 0;
    while (i < std::min(common, name.size()) && name[i] == first[i])
      ++i;
    common = i;
  }
  size_t dot = first.take_front(common).rfind('.');
  size_t prefix = dot == StringRef::npos ? 0 : dot + 1;
  std::string name = first.take_front(prefix).str();
  if (areMembers && StringRef(name).count('.') > 1) {
    name.pop_back();
  } else {
    llvm::raw_string_ostream stream(name);
    llvm::interleave(
        banks, stream, [&](BankOp bank) { stream << bank.getSymName().drop_front(prefix); }, "_");
  }
  std::string unique = name;
  for (int i = 1; module.lookupSymbol(unique); ++i)
    unique = name + "_" + std::to_string(i);
  return unique;
}

/// By how much the members and the ranges of a part move.
using Shift = std::pair<int64_t, int64_t>;

/// Replaces parts by `united` in one use, shifting what it says about members and ranges.
void rewriteUse(Operation *user, const llvm::SmallDenseMap<Attribute, Shift> &shifts, FlatSymbolRefAttr united) {
  auto shift = [&](StringRef name, int64_t by) {
    auto values = user->getAttrOfType<DenseI64ArrayAttr>(name);
    if (!values || by == 0)
      return;
    SmallVector<int64_t> shifted;
    for (int64_t value : values.asArrayRef())
      shifted.push_back(value < 0 ? value : value + by);
    user->setAttr(name, DenseI64ArrayAttr::get(user->getContext(), shifted));
  };
  // By name: a list of all attributes is made anew for every operation.
  for (StringRef name : {"bank", "gain", "bias"}) {
    auto found = shifts.find(user->getAttr(name));
    if (found == shifts.end())
      continue;
    auto [memberShift, rangeShift] = found->second;
    user->setAttr(name, united);
    if (name != "bias") // gain and bias of a norm share one map, which the union of the gains shifts
      shift("map", memberShift);
    shift("ranges", rangeShift);
  }
}

/// Operations on whole banks: one for the united bank instead of one for each part.
void rewriteWhole(ModuleOp module, ArrayRef<FlatSymbolRefAttr> parts, FlatSymbolRefAttr united) {
  llvm::DenseSet<std::pair<Operation *, OperationName>> done; // function, and what it does to the united bank
  module.walk([&](Operation *op) {
    if (auto norm = dyn_cast<GradientNormOp>(op)) {
      llvm::SmallSetVector<Attribute, 8> banks;
      for (Attribute bank : norm.getBanks())
        banks.insert(llvm::is_contained(parts, bank) ? Attribute(united) : bank);
      norm.setBanksAttr(ArrayAttr::get(op->getContext(), banks.getArrayRef()));
      return;
    }
    if (!isa<InitialiseOp, AdamWOp>(op))
      return;
    // The first part may be missing where its variables are frozen.
    if (!llvm::is_contained(parts, op->getAttrOfType<FlatSymbolRefAttr>("bank")))
      return;
    if (done.insert({op->getParentOp(), op->getName()}).second)
      op->setAttr("bank", united);
    else
      op->erase();
  });
}

BankOp replaceBanks(ModuleOp module, ArrayRef<BankOp> banks, ArrayAttr members, bool areMembers,
                    function_ref<Shift(size_t)> shiftOf) {
  MLIRContext *context = module.getContext();
  std::string name = uniteNames(module, banks, areMembers);
  auto united = FlatSymbolRefAttr::get(context, name);
  SmallVector<FlatSymbolRefAttr> parts;
  SmallVector<Location> locations;
  for (BankOp bank : banks) {
    parts.push_back(FlatSymbolRefAttr::get(bank.getSymNameAttr()));
    locations.push_back(bank.getLoc());
  }
  rewriteWhole(module, parts, united);
  llvm::SmallDenseMap<Attribute, Shift> shifts;
  for (auto [i, part] : llvm::enumerate(parts))
    shifts[part] = shiftOf(i);
  module.walk([&](Operation *op) {
    if (isa_and_nonnull<MotleyDialect>(op->getDialect()) && !isa<BankOp, InitialiseOp, AdamWOp>(op))
      rewriteUse(op, shifts, united);
  });
  // Behind every variable that it names.
  BankOp last = banks.front();
  for (BankOp bank : banks)
    if (last->isBeforeInBlock(bank))
      last = bank;
  OpBuilder b(context);
  b.setInsertionPointAfter(last);
  auto result = BankOp::create(b, FusedLoc::get(context, locations), name, members, LayoutAttr());
  for (BankOp bank : banks)
    bank.erase();
  return result;
}

} // namespace

BankOp mlir::motley::uniteMembers(ModuleOp module, ArrayRef<BankOp> banks) {
  SmallVector<Attribute> members;
  SmallVector<int64_t> shifts;
  BankOp first = banks.front();
  for (size_t i = 0; i < banks.size(); ++i) {
    BankOp bank = banks[i];
    if (llvm::is_contained(banks.take_front(i), bank) || bank.getNumRanges() != first.getNumRanges())
      return {};
    for (int64_t range = 0; range < bank.getNumRanges(); ++range)
      if (bank.getRangeType(range) != first.getRangeType(range))
        return {};
    shifts.push_back(members.size());
    llvm::append_range(members, bank.getMembers());
  }
  return replaceBanks(module, banks, ArrayAttr::get(module.getContext(), members), /*areMembers=*/true,
                      [&](size_t i) { return Shift(shifts[i], 0); });
}

BankOp mlir::motley::uniteRanges(ModuleOp module, BankOp first, BankOp second) {
  if (first == second || first.getNumMembers() != second.getNumMembers())
    return {};
  RankedTensorType a = first.getRangeType(0), b = second.getRangeType(0);
  if (a.getRank() != 2 || b.getRank() != 2 || a.getDimSize(0) != b.getDimSize(0))
    return {};
  SmallVector<Attribute> members;
  for (auto [left, right] : llvm::zip(first.getMembers(), second.getMembers())) {
    SmallVector<Attribute> ranges(cast<ArrayAttr>(left).getValue());
    llvm::append_range(ranges, cast<ArrayAttr>(right).getValue());
    members.push_back(ArrayAttr::get(module.getContext(), ranges));
  }
  int64_t shift = first.getNumRanges();
  return replaceBanks(module, {first, second}, ArrayAttr::get(module.getContext(), members), /*areMembers=*/false,
                      [&](size_t i) { return Shift(0, i == 0 ? 0 : shift); });
}
