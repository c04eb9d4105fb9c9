// What translated code calls for findings, local memory and integers. The findings end the launch.
#include "translate/Runtime.h"

#include "check/Finding.h"
#include "engine/Scheduler.h"

namespace {

[[noreturn]] void fail(ptxsim::Check check, ptxsim::Thread *thread, const ptxsim::Site *site, std::string message) {
  thread->grid->reporter->fail(check, *thread, site, std::move(message));
}

} // namespace

using ptxsim::Check;

extern "C" {

void ptxsim_stack_overflow(ptxsim::Thread *thread, const ptxsim::Site *site) {
  fail(Check::Bounds, thread, site, "the thread's stack is used up: the recursion is too deep");
}

void ptxsim_local_overflow(ptxsim::Thread *thread, const ptxsim::Site *site) {
  fail(Check::Bounds, thread, site,
       "local memory is used up: frames need more than the thread's " + std::to_string(thread->localBytes) +
           " bytes; the recursion is too deep or alloca asks for too much");
}

void ptxsim_bad_callee(ptxsim::Thread *thread, const ptxsim::Site *site, uint64_t handle) {
  char text[32];
  snprintf(text, sizeof text, "0x%llx", (unsigned long long)handle);
  fail(Check::Bounds, thread, site,
       std::string("indirect call of ") + text +
           ", which is no function of the program whose parameters and results are as large as the prototype says");
}

void ptxsim_bad_branch(ptxsim::Thread *thread, const ptxsim::Site *site, uint64_t index) {
  fail(Check::Bounds, thread, site, "branch index " + std::to_string(index) + " is beyond the list of targets");
}

void ptxsim_undefined_function(ptxsim::Thread *thread, const ptxsim::Site *site) {
  std::string name = "?";
  for (const ptxsim::ptx::Operand &operand : site->instruction->operands)
    if (operand.kind == ptxsim::ptx::Operand::Kind::Function && operand.function)
      name = operand.function->name;
  fail(Check::Trap, thread, site, "call of '" + name + "', which is declared and defined nowhere");
}

void ptxsim_exit(ptxsim::Thread *thread) { ptxsim::Scheduler::exit(*thread); }

void ptxsim_preempt(ptxsim::Thread *thread) { ptxsim::Scheduler::preempt(*thread); }

void ptxsim_invert(uint8_t *to, const uint8_t *from, uint64_t bytes) {
  for (uint64_t k = 0; k < bytes; ++k)
    to[k] = ~from[k];
}

} // extern "C"

namespace ptxsim::jit::runtime {

/// Selectors of the modes of prmt (PTX ISA 9.0, section 9.7.8.7); bits 0 and 1 of `control` choose the row.
uint32_t permuteSelector(uint32_t control, uint32_t mode) {
  if (!mode)
    return control & 0xffff;
  uint32_t row = control & 3, result = 0;
  for (uint32_t k = 0; k < 4; ++k) {
    uint32_t byte = 0;
    switch (mode) {
    case 1: // f4e: forward, four bytes from `row`
      byte = row + k;
      break;
    case 2: // b4e: backward
      byte = (row - k) & 7;
      break;
    case 3: // rc8: one byte four times
      byte = row;
      break;
    case 4: // ecl: clamped from the left
      byte = std::max(row, k);
      break;
    case 5: // ecr: clamped from the right
      byte = std::min(row, k);
      break;
    default: // rc16: one half twice
      byte = (k & 1) + 2 * (row & 1);
      break;
    }
    result |= byte << (4 * k);
  }
  return result;
}

uint32_t permute(uint32_t a, uint32_t b, uint32_t control, uint32_t mode) {
  uint64_t both = a | uint64_t(b) << 32;
  uint32_t selector = permuteSelector(control, mode), result = 0;
  for (uint32_t k = 0; k < 4; ++k) {
    uint32_t which = selector >> (4 * k) & 15;
    uint32_t byte = both >> (8 * (which & 7)) & 0xff;
    if (which & 8) // repeats the byte's sign
      byte = byte & 0x80 ? 0xff : 0;
    result |= byte << (8 * k);
  }
  return result;
}

/// fns: the offset-th set bit counted from `base`, upward for positive offsets; 0: base itself if it is set.
uint32_t findNthSet(uint32_t mask, uint32_t base, uint32_t offset) {
  int32_t left = int32_t(offset);
  base &= 31;
  if (left == 0)
    return mask >> base & 1 ? base : ~0u;
  int step = left > 0 ? 1 : -1;
  // Long before 2^31 the word ends; the sign is all that matters of a large offset.
  int64_t count = left > 0 ? int64_t(left) : -int64_t(left);
  for (int position = int(base); position >= 0 && position < 32; position += step)
    if (mask >> position & 1 && --count == 0)
      return uint32_t(position);
  return ~0u;
}

} // namespace ptxsim::jit::runtime
