#include "runtime/state.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace motley::runtime {

namespace {

// Calls visit(index in the packed buffer, index in row-major order, length) for runs that are contiguous in both.
template <typename Visit> void forEachRun(const StateBank &bank, const BankMember &member, const Visit &visit) {
  if (member.table) {
    visit(int64_t(0), int64_t(0), member.shape[0] * member.shape[1]);
    return;
  }
  if (bank.shape.size() == 2) {
    visit(member.member * bank.shape[1], int64_t(0), member.shape[0]);
    return;
  }
  int64_t panels = bank.shape[1], bankRows = bank.shape[2];
  int64_t rows = member.shape[0], columns = member.shape[1];
  for (int64_t column = 0; column < columns; column += panelColumns) {
    int64_t panel = member.panel + column / panelColumns;
    int64_t base = (member.member * panels + panel) * bankRows * panelColumns;
    int64_t length = std::min(panelColumns, columns - column);
    for (int64_t row = 0; row < rows; ++row)
      visit(base + row * panelColumns, row * columns + column, length);
  }
}

} // namespace

Result<State> State::create(const Manifest &manifest) {
  return guarded([&]() -> Result<State> {
    State state;
    state.manifest = &manifest;
    for (size_t bankIdx = 0; bankIdx < manifest.state.size(); ++bankIdx) {
      const StateBank &bank = manifest.state[bankIdx];
      int64_t bytes = *elementCount(bank.shape) * dtypeBytes(bank.dtype);
      state.buffers.emplace_back();
      for (const std::string &slot : bank.slots) {
        MOTLEY_ASSIGN(Buffer buffer, Buffer::allocate(bytes, "slot '" + slot + "' of bank '" + bank.name + "'"));
        state.buffers.back().push_back(std::move(buffer));
      }
      for (size_t memberIdx = 0; memberIdx < bank.members.size(); ++memberIdx) {
        const BankMember &member = bank.members[memberIdx];
        state.byName[member.variable] = int(state.theVariables.size());
        state.theVariables.push_back(
            {member.variable, member.shape, member.table, int(bankIdx), int(memberIdx), *elementCount(member.shape)});
      }
    }
    return state;
  });
}

const Variable *State::find(const std::string &name) const {
  auto found = byName.find(name);
  return found == byName.end() ? nullptr : &theVariables[found->second];
}

void *State::buffer(int bank, const std::string &slot) const {
  const std::vector<std::string> &slots = manifest->state[bank].slots;
  for (size_t i = 0; i < slots.size(); ++i)
    if (slots[i] == slot)
      return buffers[bank][i].data();
  return nullptr;
}

bool State::hasSlot(const Variable &variable, const std::string &slot) const {
  return buffer(variable.bank, slot) != nullptr;
}

Result<State::Place> State::locate(const std::string &name, const std::string &slot, int64_t count) const {
  const Variable *variable = find(name);
  if (!variable)
    return Status::error(Code::NotFound, "the module has no variable '" + name + "'");
  void *base = buffer(variable->bank, slot);
  if (!base)
    return Status::error(Code::NotFound, "variable '" + name + "' has no slot '" + slot + "'");
  if (count != variable->elements)
    return Status::error(Code::InvalidArgument, "variable '" + name + "' has shape " + shapeText(variable->shape) +
                                                    ", " + std::to_string(variable->elements) + " elements, got " +
                                                    std::to_string(count));
  const StateBank &bank = manifest->state[variable->bank];
  return Place{variable, &bank, &bank.members[variable->member], base};
}

Status State::read(const std::string &name, const std::string &slot, float *out, int64_t count) const {
  MOTLEY_ASSIGN(Place place, locate(name, slot, count));
  if (place.bank->dtype == DType::F32) {
    const float *packed = static_cast<const float *>(place.base);
    forEachRun(*place.bank, *place.member,
               [&](int64_t from, int64_t to, int64_t length) { std::copy_n(packed + from, length, out + to); });
    return Status::ok();
  }
  const uint16_t *packed = static_cast<const uint16_t *>(place.base);
  forEachRun(*place.bank, *place.member, [&](int64_t from, int64_t to, int64_t length) {
    std::transform(packed + from, packed + from + length, out + to, bf16ToFloat);
  });
  return Status::ok();
}

Result<std::vector<float>> State::read(const std::string &name, const std::string &slot) const {
  return guarded([&]() -> Result<std::vector<float>> {
    const Variable *variable = find(name);
    std::vector<float> out(variable ? size_t(variable->elements) : 0);
    MOTLEY_RETURN_IF_ERROR(read(name, slot, out.data(), int64_t(out.size())));
    return out;
  });
}

Status State::write(const std::string &name, const std::string &slot, const float *data, int64_t count) {
  MOTLEY_ASSIGN(Place place, locate(name, slot, count));
  if (place.bank->dtype == DType::F32) {
    float *packed = static_cast<float *>(place.base);
    forEachRun(*place.bank, *place.member,
               [&](int64_t to, int64_t from, int64_t length) { std::copy_n(data + from, length, packed + to); });
    return Status::ok();
  }
  uint16_t *packed = static_cast<uint16_t *>(place.base);
  forEachRun(*place.bank, *place.member, [&](int64_t to, int64_t from, int64_t length) {
    std::transform(data + from, data + from + length, packed + to, floatToBf16);
  });
  return Status::ok();
}

void State::clear(const std::string &slot) {
  for (size_t bank = 0; bank < buffers.size(); ++bank)
    for (size_t i = 0; i < buffers[bank].size(); ++i)
      if (manifest->state[bank].slots[i] == slot)
        std::memset(buffers[bank][i].data(), 0, size_t(buffers[bank][i].bytes()));
}

void State::startAverages() {
  for (size_t bank = 0; bank < buffers.size(); ++bank)
    if (void *average = buffer(int(bank), slotEma)) {
      const StateBank &layout = manifest->state[bank];
      int64_t bytes = *elementCount(layout.shape) * dtypeBytes(layout.dtype);
      std::memcpy(average, buffer(int(bank), slotParam), size_t(bytes));
    }
}

int64_t State::totalBytes() const {
  int64_t total = 0;
  for (const std::vector<Buffer> &slots : buffers)
    for (const Buffer &buffer : slots)
      total += buffer.bytes();
  return total;
}

int64_t State::totalElements() const {
  int64_t total = 0;
  for (const Variable &variable : theVariables)
    total += variable.elements;
  return total;
}

std::string State::findNonFinite() const {
  std::vector<float> values;
  for (const Variable &variable : theVariables) {
    values.resize(size_t(variable.elements));
    for (const std::string &slot : manifest->state[variable.bank].slots) {
      if (!read(variable.name, slot, values.data(), variable.elements))
        continue;
      for (float value : values)
        if (!std::isfinite(value))
          return variable.name + " (" + slot + ")";
    }
  }
  return "";
}

} // namespace motley::runtime
