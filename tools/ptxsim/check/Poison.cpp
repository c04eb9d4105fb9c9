#include "check/Poison.h"

#include "engine/Scheduler.h"

using namespace ptxsim;

static void note(Thread *thread, const Site *site, const char *message) {
  thread->grid->reporter->note(Check::Poison, thread, site, message);
}

void ptxsim_poison_branch(Thread *thread, const Site *site) {
  note(thread, site, "a condition depends on undefined bits (memory that nobody wrote, or a register never set)");
}

void ptxsim_poison_address(Thread *thread, const Site *site) {
  note(thread, site, "an address depends on undefined bits (memory that nobody wrote, or a register never set)");
}

void ptxsim_poison_operand(Thread *thread, const Site *site) {
  note(thread, site,
       "an operand that steers the instruction (a mask, a number, a count, a descriptor) depends on undefined bits");
}
