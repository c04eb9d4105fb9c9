// Hands an instruction to the family that runs it.
#include "engine/Site.h"

namespace ptxsim {

void bind(Site &site) {
  using Binder = bool (*)(Site &);
  static constexpr Binder binders[] = {bindLoadStore, bindBarrier, bindWarp,      bindAtomic,   bindFence,
                                       bindMatrix,    bindWgmma,   bindAsyncCopy, bindMbarrier, bindBulkCopy,
                                       bindTensorMap, bindCluster, bindSpecial};
  for (Binder binder : binders)
    if (binder(site))
      return;
  throw ptx::Error(site.instruction->position,
                   "'" + site.instruction->spelling() + "' is in the instruction table but nothing runs it");
}

} // namespace ptxsim
