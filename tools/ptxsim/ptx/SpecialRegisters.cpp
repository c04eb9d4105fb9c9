// Names of the special registers (PTX ISA 9.0, section 10).
#include "ptx/Parser.h"

#include "llvm/ADT/StringMap.h"

namespace ptxsim::ptx {

namespace {
struct Entry {
  const char *name;
  SpecialRegister special;
  bool hasComponents = false;
};
} // namespace

static constexpr Entry entries[] = {
    {"%tid", SpecialRegister::Tid, true},
    {"%ntid", SpecialRegister::Ntid, true},
    {"%laneid", SpecialRegister::Laneid},
    {"%warpid", SpecialRegister::Warpid},
    {"%nwarpid", SpecialRegister::Nwarpid},
    {"%ctaid", SpecialRegister::Ctaid, true},
    {"%nctaid", SpecialRegister::Nctaid, true},
    {"%smid", SpecialRegister::Smid},
    {"%nsmid", SpecialRegister::Nsmid},
    {"%gridid", SpecialRegister::Gridid},
    {"%is_explicit_cluster", SpecialRegister::IsExplicitCluster},
    {"%clusterid", SpecialRegister::Clusterid, true},
    {"%nclusterid", SpecialRegister::Nclusterid, true},
    {"%cluster_ctaid", SpecialRegister::ClusterCtaid, true},
    {"%cluster_nctaid", SpecialRegister::ClusterNctaid, true},
    {"%cluster_ctarank", SpecialRegister::ClusterCtarank},
    {"%cluster_nctarank", SpecialRegister::ClusterNctarank},
    {"%lanemask_eq", SpecialRegister::LanemaskEq},
    {"%lanemask_le", SpecialRegister::LanemaskLe},
    {"%lanemask_lt", SpecialRegister::LanemaskLt},
    {"%lanemask_ge", SpecialRegister::LanemaskGe},
    {"%lanemask_gt", SpecialRegister::LanemaskGt},
    {"%clock", SpecialRegister::Clock},
    {"%clock_hi", SpecialRegister::ClockHi},
    {"%clock64", SpecialRegister::Clock64},
    {"%globaltimer", SpecialRegister::Globaltimer},
    {"%globaltimer_lo", SpecialRegister::GlobaltimerLo},
    {"%globaltimer_hi", SpecialRegister::GlobaltimerHi},
    {"%total_smem_size", SpecialRegister::TotalSmemSize},
    {"%aggr_smem_size", SpecialRegister::AggrSmemSize},
    {"%dynamic_smem_size", SpecialRegister::DynamicSmemSize},
    {"%reserved_smem_offset_begin", SpecialRegister::ReservedSmemBegin},
    {"%reserved_smem_offset_end", SpecialRegister::ReservedSmemEnd},
    {"%reserved_smem_offset_cap", SpecialRegister::ReservedSmemCap},
    {"%reserved_smem_offset_0", SpecialRegister::ReservedSmemOffset},
    {"%reserved_smem_offset_1", SpecialRegister::ReservedSmemOffset},
    {"%current_graph_exec", SpecialRegister::CurrentGraphExec},
};

bool Parser::parseSpecialRegister(Operand &operand, llvm::StringRef name) {
  static const llvm::StringMap<const Entry *> table = [] {
    llvm::StringMap<const Entry *> result;
    for (const Entry &entry : entries)
      result[entry.name] = &entry;
    return result;
  }();
  operand.kind = Operand::Kind::Special;
  unsigned number;
  if (auto found = table.find(name); found != table.end()) {
    operand.special = found->second->special;
    if (!found->second->hasComponents)
      return true;
    static constexpr llvm::StringRef components[] = {".x", ".y", ".z"};
    for (unsigned k = 0; k < 3; ++k)
      if (acceptDotted(components[k])) {
        operand.component = k;
        return true;
      }
    failHere("expected .x, .y or .z behind " + quoted(name) + ", got " + describe(token()));
  }
  if (name.consume_front("%envreg") && !name.getAsInteger(10, number) && number < 32) {
    operand.special = SpecialRegister::Envreg;
    operand.component = number;
    return true;
  }
  if (name.consume_front("%pm") && !name.getAsInteger(10, number) && number < 8) {
    operand.special = SpecialRegister::Pm;
    operand.component = number;
    return true;
  }
  return false;
}

} // namespace ptxsim::ptx
