// barrier.cluster (PTX ISA 9.0, section 9.7.13.3): every thread of the cluster arrives, and later waits for the others.
#include "check/ThreadClock.h"
#include "engine/Launch.h"

namespace ptxsim {

namespace {

void complete(ClusterBarrier &barrier, RaceDetector *races) {
  ++barrier.phase;
  barrier.liveArrived = 0;
  if (races)
    races->merge(barrier.completed, barrier.gathering);
  for (Thread *waiter : barrier.waiting)
    Scheduler::wake(*waiter);
  barrier.waiting.clear();
}

ClusterBarrier::Participant &participant(Thread &thread) {
  Cluster &cluster = *thread.cta->cluster;
  ClusterBarrier &barrier = *cluster.barrier;
  if (barrier.participants.empty())
    for (Cta *block : cluster.blocks)
      barrier.participants.emplace_back(block->threads.size());
  return barrier.participants[thread.cta->rank][thread.linear];
}

void runArrive(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  ClusterBarrier &barrier = *thread->cta->cluster->barrier;
  ClusterBarrier::Participant &self = participant(*thread);
  if (self.mustWait)
    thread->grid->reporter->fail(Check::Barrier, *thread, site,
                                 "barrier.cluster.arrive, but this thread has arrived before and not waited since: "
                                 "each arrive needs its barrier.cluster.wait");
  self.mustWait = true;
  self.arrived = barrier.phase;
  if (RaceDetector *races = thread->grid->races) {
    // A relaxed arrival publishes what a fence published before it, such as fence.mbarrier_init.
    if (!site->instruction->has("relaxed"))
      races->release(*thread, barrier.gathering);
    else if (thread->clock->fences)
      races->merge(barrier.gathering, thread->clock->fences->released[unsigned(Scope::Cluster)]);
  }
  if (++barrier.liveArrived == barrier.live)
    complete(barrier, thread->grid->races);
}

void runWait(Thread *thread, const Site *site, const uint64_t *, uint64_t *) {
  thread->site = site;
  ClusterBarrier &barrier = *thread->cta->cluster->barrier;
  ClusterBarrier::Participant &self = participant(*thread);
  if (!self.mustWait)
    thread->grid->reporter->fail(Check::Barrier, *thread, site,
                                 "barrier.cluster.wait, but this thread has not arrived: barrier.cluster.arrive must "
                                 "come first");
  if (barrier.phase == self.arrived) {
    barrier.waiting.push_back(thread);
    Scheduler::block(*thread, {"the cluster's barrier", site, 0, 0});
  }
  self.mustWait = false;
  if (thread->grid->races)
    thread->grid->races->acquire(*thread, barrier.completed);
}

} // namespace

// A thread that has exited is not waited for.
void leaveCluster(Thread &thread) {
  ClusterBarrier &barrier = *thread.cta->cluster->barrier;
  if (barrier.participants.empty())
    return;
  if (participant(thread).arrived == barrier.phase)
    --barrier.liveArrived;
  if (barrier.live != 0 && barrier.liveArrived == barrier.live)
    complete(barrier, thread.grid->races);
}

void bindClusterBarrier(Site &site) { site.handler = site.instruction->has("arrive") ? runArrive : runWait; }

} // namespace ptxsim
