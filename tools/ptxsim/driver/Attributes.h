// The figures of the two chips.
#pragma once

#include "driver/EntryPoints.h"
#include "engine/Device.h"

namespace ptxsim {

/// False if there is no such attribute.
bool deviceAttribute(const Architecture &architecture, int attribute, int &value);

} // namespace ptxsim
