// Parts of bindMatrix.
#pragma once

#include "engine/Rendezvous.h"

namespace ptxsim {

bool bindMatrixMoves(Site &site); ///< ldmatrix, stmatrix, movmatrix
bool bindWmmaMemory(Site &site);  ///< wmma.load, wmma.store

/// A meeting of the whole warp for an instruction of the matrix families. The block's last warp may lack lanes, which
/// is a finding: these instructions need all 32.
void meetWholeWarp(Thread &thread, const Site *site, const uint64_t *in, uint64_t *out, WarpWork work);

} // namespace ptxsim
