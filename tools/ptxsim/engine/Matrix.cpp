#include "engine/Matrix.h"

namespace ptxsim {
bool bindMatrix(Site &) { return false; }
void runMatrixBatch(Thread *, const Site *, const uint64_t *, uint64_t *) {}
} // namespace ptxsim
