// The batch form of mma: the translator joins neighbouring mma.sync instructions so that a warp meets once for all of
// them.
#pragma once

#include "engine/Site.h"

#include <vector>

namespace ptxsim {

struct MatrixBatch : Payload {
  struct Step {
    const Site *site; ///< of the single mma, bound as usual
    std::vector<int32_t>
        sources;         ///< for each source slot: >= 0: slot of the batch's `in`; < 0: ~slot of the batch's `out`
    uint32_t result = 0; ///< its results start here in the batch's `out`
  };
  std::vector<Step> steps;
};
/// Handler of a site whose payload is a MatrixBatch; numSources and numResults count the slots of the whole batch.
void runMatrixBatch(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out);

/// The same for neighbouring ldmatrix: source slot k of the batch is the address of step k.
struct MoveBatch : Payload {
  static constexpr size_t kMost = 8; ///< steps
  struct Step {
    const Site *site;    ///< of the single ldmatrix, bound as usual
    uint32_t result = 0; ///< its results start here in the batch's `out`
  };
  std::vector<Step> steps;
};
void runMoveBatch(Thread *thread, const Site *site, const uint64_t *in, uint64_t *out);

} // namespace ptxsim
