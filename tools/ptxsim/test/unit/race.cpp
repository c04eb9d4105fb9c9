// The happens-before model, edge by edge: each case has a right program and the same one without the edge.
#include "RaceWorld.h"

#include <gtest/gtest.h>

#include <cstring>

using namespace ptxsim;

TEST(Race, UnorderedAccessesOfTwoThreads) {
  World world(1, 64);
  Thread &a = world.thread(0, 0), &b = world.thread(0, 33);
  world.write(a, world.shared(0, 1024));
  world.read(b, world.shared(0, 1024));
  EXPECT_EQ(world.found(), "race");
  world.read(a, world.shared(0, 2048));
  world.write(b, world.shared(0, 2048));
  EXPECT_EQ(world.found(), "race");
  world.write(a, world.shared(0, 3072));
  world.write(b, world.shared(0, 3072));
  EXPECT_EQ(world.found(), "race");
  world.read(a, world.shared(0, 4096));
  world.read(b, world.shared(0, 4096));
  EXPECT_EQ(world.found(), "");
}

TEST(Race, ProgramOrderIsOrder) {
  World world(1, 1);
  Thread &a = world.thread(0, 0);
  for (int k = 0; k < 3; ++k) {
    world.write(a, world.shared(0, 1024));
    world.read(a, world.shared(0, 1024));
  }
  EXPECT_EQ(world.found(), "");
}

TEST(Race, BarrierOrders) {
  World world(1, 256);
  for (int round = 0; round < 3; ++round) {
    for (uint32_t k = 0; k < 256; ++k)
      world.write(world.thread(0, k), world.shared(0, 1024 + 4 * k));
    world.barrier(0);
    for (uint32_t k = 0; k < 256; ++k)
      world.read(world.thread(0, k), world.shared(0, 1024 + 4 * (255 - k)));
    EXPECT_EQ(world.found(), "");
    if (round < 2)
      world.barrier(0);
  }
  // The second barrier is missing: the next round's write meets the last round's read.
  world.write(world.thread(0, 0), world.shared(0, 1024));
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, WarpBarrierOrdersItsLanesOnly) {
  World world(1, 64);
  world.write(world.thread(0, 0), world.shared(0, 1024));
  std::vector<Thread *> lanes;
  for (uint32_t k = 0; k < 32; ++k)
    lanes.push_back(&world.thread(0, k));
  world.races->meet(lanes);
  world.read(world.thread(0, 5), world.shared(0, 1024));
  EXPECT_EQ(world.found(), "");
  world.read(world.thread(0, 40), world.shared(0, 1024));
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, MeetingTwiceWithoutNewsChangesNothing) {
  World world(1, 32);
  world.write(world.thread(0, 0), world.shared(0, 1024));
  world.barrier(0);
  VectorClock before = world.thread(0, 7).clock->generic;
  world.barrier(0);
  EXPECT_TRUE(before.shares(world.thread(0, 7).clock->generic));
  world.read(world.thread(0, 7), world.shared(0, 1024));
  EXPECT_EQ(world.found(), "");
  world.barrier(0);
  EXPECT_FALSE(before.shares(world.thread(0, 7).clock->generic));
}

/// Data in global memory, a flag, two blocks. Returns what was found.
static std::string messagePassing(bool releaseFence, Scope releaseScope, Order store, Scope storeScope, Order load,
                                  bool acquireFence, Scope acquireScope, uint32_t reader = 1, uint32_t perCluster = 1) {
  World world(4, 32, perCluster);
  Thread &a = world.thread(0, 0), &b = world.thread(reader, 0);
  world.write(a, world.global(0));
  if (releaseFence)
    world.races->fence(a, Order::AcquireRelease, releaseScope);
  world.strong(a, world.global(512), Access::Write, store, storeScope);
  world.strong(b, world.global(512), Access::Read, load, Scope::Device);
  if (acquireFence)
    world.races->fence(b, Order::AcquireRelease, acquireScope);
  world.read(b, world.global(0));
  return world.found();
}

TEST(Race, MessagePassing) {
  constexpr Scope kDevice = Scope::Device, kBlock = Scope::Block, kCluster = Scope::Cluster;
  EXPECT_EQ(messagePassing(false, kDevice, Order::Release, kDevice, Order::Acquire, false, kDevice), "");
  EXPECT_EQ(messagePassing(false, kDevice, Order::Relaxed, kDevice, Order::Acquire, false, kDevice), "race");
  EXPECT_EQ(messagePassing(false, kDevice, Order::Release, kDevice, Order::Relaxed, false, kDevice), "race");
  EXPECT_EQ(messagePassing(true, kDevice, Order::Relaxed, kDevice, Order::Relaxed, true, kDevice), "");
  EXPECT_EQ(messagePassing(true, kDevice, Order::Volatile, kDevice, Order::Volatile, true, kDevice), "");
  EXPECT_EQ(messagePassing(true, kDevice, Order::Volatile, kDevice, Order::Volatile, false, kDevice), "race");
  EXPECT_EQ(messagePassing(false, kDevice, Order::Volatile, kDevice, Order::Volatile, true, kDevice), "race");
  // Fences of a scope that does not include the other block.
  EXPECT_EQ(messagePassing(true, kBlock, Order::Relaxed, kDevice, Order::Relaxed, true, kDevice), "race");
  EXPECT_EQ(messagePassing(true, kDevice, Order::Relaxed, kDevice, Order::Relaxed, true, kBlock), "race");
  EXPECT_EQ(messagePassing(true, kBlock, Order::Relaxed, kDevice, Order::Relaxed, true, kBlock, 0), "");
  // The flag itself is a race when its scope is too narrow, besides the data.
  EXPECT_EQ(messagePassing(false, kDevice, Order::Release, kBlock, Order::Acquire, false, kDevice), "race race");
  // Clusters.
  EXPECT_EQ(messagePassing(true, kCluster, Order::Relaxed, kDevice, Order::Relaxed, true, kCluster, 1, 2), "");
  EXPECT_EQ(messagePassing(true, kCluster, Order::Relaxed, kDevice, Order::Relaxed, true, kCluster, 2, 2), "race");
}

TEST(Race, WeakFlagIsARace) {
  World world(2, 32);
  world.write(world.thread(0, 0), world.global(512));
  world.strong(world.thread(1, 0), world.global(512), Access::Read, Order::Acquire);
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, ReadModifyWritesContinueARelease) {
  World world(3, 32);
  Thread &a = world.thread(0, 0), &b = world.thread(1, 0), &c = world.thread(2, 0);
  world.write(a, world.global(0));
  world.strong(a, world.global(512), Access::Atomic, Order::Release);
  world.strong(b, world.global(512), Access::Atomic, Order::Relaxed);
  world.strong(c, world.global(512), Access::Read, Order::Acquire);
  world.read(c, world.global(0));
  EXPECT_EQ(world.found(), "");
  world.read(b, world.global(0)); // relaxed: did not acquire
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, StoreEndsARelease) {
  World world(3, 32);
  Thread &a = world.thread(0, 0), &b = world.thread(1, 0), &c = world.thread(2, 0);
  world.write(a, world.global(0));
  world.strong(a, world.global(512), Access::Write, Order::Release);
  world.strong(b, world.global(512), Access::Write, Order::Relaxed);
  world.strong(c, world.global(512), Access::Read, Order::Acquire);
  world.read(c, world.global(0));
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, AtomicsAreOrderedAgainstPlainAccesses) {
  World world(1, 64);
  for (uint32_t k = 0; k < 64; ++k)
    world.strong(world.thread(0, k), world.shared(0, 1024), Access::Atomic, Order::Relaxed, Scope::Block);
  EXPECT_EQ(world.found(), "");
  World other(1, 64);
  // Ordered after the last atomic only: the earlier ones are not forgotten.
  for (uint32_t k = 0; k < 3; ++k)
    other.strong(other.thread(0, k), other.shared(0, 1024), Access::Atomic, Order::Relaxed);
  other.meet({&other.thread(0, 2), &other.thread(0, 3)});
  other.read(other.thread(0, 3), other.shared(0, 1024));
  other.finish(); // until then the read might begin a loop of compare-and-swap
  EXPECT_EQ(other.found(), "race");
}

TEST(Race, NarrowAtomicAcrossBlocks) {
  World world(2, 32);
  world.strong(world.thread(0, 0), world.global(0), Access::Atomic, Order::Relaxed, Scope::Block);
  world.strong(world.thread(0, 1), world.global(0), Access::Atomic, Order::Relaxed, Scope::Block);
  EXPECT_EQ(world.found(), "");
  world.strong(world.thread(1, 0), world.global(0), Access::Atomic, Order::Relaxed, Scope::Device);
  EXPECT_EQ(world.found(), "race race");
}

TEST(Race, EqualValuesAreNoRace) {
  World world(1, 64);
  uint32_t one = 1, two = 2;
  world.write(world.thread(0, 0), world.shared(0, 1024), 4, &one);
  std::memcpy(world.memory.data() + 1024, &one, 4);
  world.write(world.thread(0, 40), world.shared(0, 1024), 4, &one);
  EXPECT_EQ(world.found(), "");
  // Both of the equal writes are remembered.
  world.write(world.thread(0, 50), world.shared(0, 1024), 4, &two);
  EXPECT_EQ(world.found(), "race race");
}

// Tests that a thread comes after the strong writes of a word that it has read by a strong access.
TEST(Race, ObservedWritesAreOrdered) {
  World world(2, 32);
  Thread &a = world.thread(0, 0), &b = world.thread(1, 0);
  // The last block of a reduction sets the counter back by a plain store.
  world.strong(a, world.global(0), Access::Atomic, Order::Relaxed);
  world.strong(b, world.global(0), Access::Atomic, Order::Relaxed);
  world.write(b, world.global(0));
  EXPECT_EQ(world.found(), "");
  // A flag is set, polled and reset.
  world.strong(a, world.global(64), Access::Write, Order::Relaxed);
  world.strong(b, world.global(64), Access::Read, Order::Relaxed);
  world.write(b, world.global(64));
  EXPECT_EQ(world.found(), "");
  // Not observed: the poll came before the write.
  world.strong(b, world.global(128), Access::Read, Order::Relaxed);
  world.strong(a, world.global(128), Access::Write, Order::Relaxed);
  world.write(b, world.global(128));
  EXPECT_EQ(world.found(), "race");
  // What the writer did before is not ordered by that.
  world.write(a, world.global(192));
  world.strong(a, world.global(256), Access::Write, Order::Relaxed);
  world.strong(b, world.global(256), Access::Read, Order::Relaxed);
  world.read(b, world.global(192));
  EXPECT_EQ(world.found(), "race");
}

// Tests that the plain read in front of a compare-and-swap loop is forgiven, and no other.
TEST(Race, PlainReadOfALoopOfCompareAndSwap) {
  World world(2, 32);
  Thread &a = world.thread(0, 0), &b = world.thread(1, 0);
  auto swap = [&](Thread &thread, uint32_t offset) {
    Site *site = world.site();
    world.instructions.back().parts = {"atom", "global", "cas", "b32"};
    world.races->access(thread, site, world.global(offset), 4, Access::Atomic, Order::Relaxed, Scope::Device);
  };
  world.read(a, world.global(0));
  world.read(b, world.global(0));
  swap(a, 0);
  swap(b, 0);
  swap(a, 0);
  world.finish();
  EXPECT_EQ(world.found(), "");

  World other(2, 32);
  other.read(other.thread(0, 0), other.global(0));
  other.strong(other.thread(1, 0), other.global(0), Access::Atomic, Order::Relaxed);
  other.finish();
  EXPECT_EQ(other.found(), "race");
  World third(2, 32);
  third.strong(third.thread(1, 0), third.global(0), Access::Atomic, Order::Relaxed);
  third.read(third.thread(0, 0), third.global(0));
  third.strong(third.thread(0, 0), third.global(0), Access::Atomic, Order::Relaxed); // an add, no swap
  EXPECT_EQ(third.found(), "race");
}

TEST(Race, NeighbouringBytesAreApart) {
  World world(1, 64);
  for (uint32_t k = 0; k < 4; ++k)
    world.write(world.thread(0, k), world.shared(0, 1024 + k), 1);
  for (uint32_t k = 0; k < 4; ++k)
    world.read(world.thread(0, k), world.shared(0, 1024 + k), 1);
  EXPECT_EQ(world.found(), "");
  world.write(world.thread(0, 5), world.shared(0, 1026), 1);
  EXPECT_EQ(world.found(), "race race"); // the write and the read of thread 2
  world.read(world.thread(0, 0), world.shared(0, 1024), 2);
  EXPECT_EQ(world.found(), "race"); // byte 1 is thread 1's
}

TEST(Race, WideAccessesTouchEveryGranule) {
  World world(1, 64);
  world.write(world.thread(0, 0), world.shared(0, 1024), 16);
  for (uint32_t k = 0; k < 4; ++k) {
    world.read(world.thread(0, 40), world.shared(0, 1024 + 4 * k), 4);
    EXPECT_EQ(world.found(), "race") << k;
  }
  world.read(world.thread(0, 40), world.shared(0, 1040), 4);
  EXPECT_EQ(world.found(), "");
  world.write(world.thread(0, 0), world.global(4092), 16); // over the edge of a page of the shadow
  world.read(world.thread(0, 40), world.global(4104), 4);
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, ManyReadersAreRememberedByBlocks) {
  World world(8, 256);
  for (uint32_t block = 0; block < 8; ++block)
    for (uint32_t k = 0; k < 256; ++k)
      world.read(world.thread(block, k), world.global(0));
  // A writer that is after all of its own block and nothing else races with the seven others.
  world.barrier(3);
  world.grid.options.maxFindings = 5000;
  world.write(world.thread(3, 9), world.global(0));
  std::string found = world.found();
  EXPECT_GE(std::count(found.begin(), found.end(), 'r'), 7);
}

TEST(Race, MbarrierReleasesAndAcquires) {
  World world(1, 64);
  Thread &producer = world.thread(0, 0), &consumer = world.thread(0, 40);
  SyncClock phase;
  world.write(producer, world.shared(0, 1024));
  world.races->release(producer, phase);
  world.write(producer, world.shared(0, 2048)); // after its arrival
  world.races->acquire(consumer, phase);
  world.read(consumer, world.shared(0, 1024));
  EXPECT_EQ(world.found(), "");
  world.read(consumer, world.shared(0, 2048));
  EXPECT_EQ(world.found(), "race");
}

/// A ring of one stage: TMA fills it, wgmma reads it, the consumer releases it, TMA fills it again.
static std::string ring(bool emptyWait, bool consumerWaitsForProduct, bool fullWait = true) {
  World world(1, 160);
  Thread &producer = world.thread(0, 128), &consumer = world.thread(0, 0);
  Agent copies = world.races->newAgent(world.blocks[0].get(), "TMA copy issued by");
  Agent products = world.races->newAgent(world.blocks[0].get(), "wgmma of warpgroup of");
  auto copy = [&](uint64_t phase) {
    SyncClock issued;
    world.races->snapshot(producer, issued);
    world.races->asyncAccess(producer, world.site(), issued, copies, phase, true, world.shared(0, 1024), 4096,
                             Access::Write);
  };
  auto product = [&](uint64_t clock) {
    SyncClock issued;
    world.races->snapshot(consumer, issued);
    world.races->asyncAccess(consumer, world.site(), issued, products, clock, true, world.shared(0, 1024), 4096,
                             Access::Read);
  };
  SyncClock full, empty;
  copy(1);
  world.races->releaseAgent(copies, 1, full);
  if (fullWait)
    world.races->acquire(consumer, full);
  product(1);
  if (consumerWaitsForProduct)
    world.races->acquireAgent(consumer, products, 1);
  world.races->release(consumer, empty);
  if (emptyWait)
    world.races->acquire(producer, empty);
  copy(2);
  return world.found();
}

TEST(Race, PipelineOfAsynchronousWork) {
  EXPECT_EQ(ring(true, true), "");
  EXPECT_NE(ring(false, true).find("race"), std::string::npos); // the producer overruns the product
  EXPECT_NE(ring(true, false).find("race"), std::string::npos); // the stage was released before the product was done
  EXPECT_NE(ring(true, true, false).find("race"), std::string::npos);
}

TEST(Race, CopyGroupsAreWaitedFor) {
  for (bool enough : {true, false}) {
    World world(1, 32);
    Thread &a = world.thread(0, 0);
    Agent queue = world.races->newAgent(world.blocks[0].get(), "cp.async of");
    for (uint64_t k = 1; k <= 2; ++k) {
      SyncClock issued;
      world.races->snapshot(a, issued);
      world.races->asyncAccess(a, world.site(), issued, queue, k, false, world.global(uint32_t(64 * k)), 16,
                               Access::Read);
      world.races->asyncAccess(a, world.site(), issued, queue, k, false, world.shared(0, uint32_t(1024 + 64 * k)), 16,
                               Access::Write);
    }
    world.races->acquireAgent(a, queue, enough ? 2 : 1);
    world.read(a, world.shared(0, 1088), 16);
    EXPECT_EQ(world.found(), "");
    world.read(a, world.shared(0, 1152), 16);
    EXPECT_EQ(world.found(), enough ? "" : "race");
    // The barrier hands on what the thread waited for.
    world.barrier(0);
    world.read(world.thread(0, 9), world.shared(0, 1152), 16);
    EXPECT_EQ(world.found(), enough ? "" : "race");
  }
}

TEST(Race, OperationsOfOneAgentAreUnorderedUntilWaitedFor) {
  World world(1, 32);
  Thread &a = world.thread(0, 0);
  Agent queue = world.races->newAgent(world.blocks[0].get(), "cp.async of");
  auto issue = [&](uint64_t clock) {
    SyncClock issued;
    world.races->snapshot(a, issued);
    world.races->asyncAccess(a, world.site(), issued, queue, clock, false, world.shared(0, 1024), 16, Access::Write);
  };
  issue(1);
  world.races->acquireAgent(a, queue, 1);
  issue(2);
  EXPECT_EQ(world.found(), "");
  issue(3);
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, WritesAfterTheIssueRaceWithTheRead) {
  World world(1, 32);
  Thread &a = world.thread(0, 0);
  Agent bulk = world.races->newAgent(world.blocks[0].get(), "bulk copy issued by");
  world.write(a, world.shared(0, 1024), 16);
  world.races->proxyFence(a);
  SyncClock issued;
  world.races->snapshot(a, issued);
  world.write(a, world.shared(0, 1024), 16); // before the copy has read
  world.races->asyncAccess(a, world.site(), issued, bulk, 1, true, world.shared(0, 1024), 16, Access::Read);
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, ProxyFence) {
  enum { Missing, Writers, Issuer };
  for (int fence : {Missing, Writers, Issuer}) {
    World world(1, 64);
    for (uint32_t k = 0; k < 64; ++k) {
      world.write(world.thread(0, k), world.shared(0, 1024 + 4 * k));
      if (fence == Writers)
        world.races->proxyFence(world.thread(0, k));
    }
    world.barrier(0);
    Thread &issuer = world.thread(0, 3);
    if (fence == Issuer)
      world.races->proxyFence(issuer);
    Agent bulk = world.races->newAgent(world.blocks[0].get(), "bulk copy issued by");
    SyncClock issued;
    world.races->snapshot(issuer, issued);
    world.races->asyncAccess(issuer, world.site(), issued, bulk, 1, true, world.shared(0, 1024), 256, Access::Read);
    std::string found = world.found();
    EXPECT_EQ(found.find("race"), std::string::npos);
    EXPECT_EQ(found.find("proxy") != std::string::npos, fence == Missing);
  }
}

TEST(Race, GenericReadsNeedNoProxyFence) {
  World world(1, 64);
  Thread &reader = world.thread(0, 5), &issuer = world.thread(0, 40);
  world.read(reader, world.shared(0, 1024), 16);
  world.barrier(0);
  Agent copies = world.races->newAgent(world.blocks[0].get(), "TMA copy issued by");
  SyncClock issued;
  world.races->snapshot(issuer, issued);
  world.races->asyncAccess(issuer, world.site(), issued, copies, 1, true, world.shared(0, 1024), 16, Access::Write);
  EXPECT_EQ(world.found(), "");
}

TEST(Race, AtomicReductionsOfCopiesMeet) {
  World world(2, 32);
  for (uint32_t k = 0; k < 2; ++k) {
    Thread &issuer = world.thread(k, 0);
    Agent bulk = world.races->newAgent(world.blocks[k].get(), "bulk copy issued by");
    SyncClock issued;
    world.races->snapshot(issuer, issued);
    world.races->asyncAccess(issuer, world.site(), issued, bulk, 1, true, world.global(0), 64, Access::Atomic);
  }
  EXPECT_EQ(world.found(), "");
  world.read(world.thread(1, 3), world.global(0));
  EXPECT_EQ(world.found(), "race race");
}

TEST(Race, SharedMemoryOfTheClusterIsOneCell) {
  World world(2, 32, 2);
  world.write(world.thread(0, 0), world.shared(0, 1024));
  world.write(world.thread(1, 0), world.shared(1, 1024));
  EXPECT_EQ(world.found(), "");
  world.read(world.thread(1, 0), world.shared(0, 1024));
  EXPECT_EQ(world.found(), "race");
}

TEST(Race, ABlockThatEndsLeavesNothingInSharedMemory) {
  World world(1, 32);
  world.write(world.thread(0, 0), world.shared(0, 1024));
  world.races->finish(*world.blocks[0]);
  world.blocks[0]->linear = 1; // the next block uses the same object
  for (auto &thread : world.blocks[0]->threads)
    world.races->start(*thread);
  world.read(world.thread(0, 1), world.shared(0, 1024));
  EXPECT_EQ(world.found(), "");
}

TEST(Race, ThousandsOfBlocksOnOneCounter) {
  constexpr uint32_t kBlocks = 4000;
  World world(kBlocks, 32);
  for (uint32_t block = 0; block < kBlocks; ++block) {
    Thread &first = world.thread(block, 0);
    world.write(world.thread(block, 5), world.global(4096 + 4 * block));
    world.barrier(block);
    world.races->fence(first, Order::AcquireRelease, Scope::Device);
    world.strong(first, world.global(0), Access::Atomic, Order::Relaxed);
  }
  // The last block takes all results.
  Thread &last = world.thread(kBlocks - 1, 0);
  world.races->fence(last, Order::AcquireRelease, Scope::Device);
  world.barrier(kBlocks - 1);
  for (uint32_t block = 0; block < kBlocks; ++block)
    world.read(world.thread(kBlocks - 1, block % 32), world.global(4096 + 4 * block));
  EXPECT_EQ(world.found(), "");
  world.read(world.thread(17, 0), world.global(4096));
  EXPECT_EQ(world.found(), "race");
}
