// RUN: motley-opt %s --motley-fuse-grouped-matmul --split-input-file | FileCheck %s
//
// Again where what is freed is overwritten: an operation that is read after it was erased shows.
// RUN: env GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=165 motley-opt %s --motley-fuse-grouped-matmul --split-input-file | FileCheck %s

motley.variable @q.text : tensor<16x8xf32> init normal 0.02
motley.variable @q.image : tensor<16x8xf32> init normal 0.02
motley.variable @k.text : tensor<16x8xf32> init normal 0.02
motley.variable @k.image : tensor<16x8xf32> init normal 0.02
motley.bank @bank.q.text [[@q.text]]
motley.bank @bank.q.image [[@q.image]]
motley.bank @bank.k.text [[@k.text]]
motley.bank @bank.k.image [[@k.image]]

// Tests both rules: branches become members, products of the same rows become ranges; a function that only initialises follows.
// CHECK: motley.bank @bank.q_k {{\[\[}}@q.text, @k.text], [@q.image, @k.image]]
// CHECK-NOT: motley.bank @bank.q.text
// CHECK-LABEL: func.func @init
// CHECK-NEXT: motley.initialise @bank.q_k
// CHECK-NEXT: return
func.func @init(%seed: i64) {
  motley.initialise @bank.q.text seed %seed
  motley.initialise @bank.q.image seed %seed
  motley.initialise @bank.k.text seed %seed
  motley.initialise @bank.k.image seed %seed
  return
}
// CHECK-LABEL: func.func @branches
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>
func.func @branches(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %live: i32) -> (tensor<32x8xf32>, tensor<32x8xf32>) {
  // CHECK: %[[G:.*]] = motley.group_by
  // CHECK-NEXT: %[[QK:.*]]:2 = motley.grouped_matmul @bank.q_k ranges [0, 1] map [0, 1] (%[[X]]) by %[[G]]
  // CHECK-NEXT: return %[[QK]]#0, %[[QK]]#1
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  %s:2 = motley.split_groups %x by %g owner [0, 1] : (tensor<32x16xf32>, !motley.groups<2, 32>) -> (tensor<32x16xf32>, tensor<32x16xf32>)
  %qt = motley.grouped_matmul @bank.q.text ranges [0] map [0, -1] (%s#0) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  %kt = motley.grouped_matmul @bank.k.text ranges [0] map [0, -1] (%s#0) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  %qi = motley.grouped_matmul @bank.q.image ranges [0] map [-1, 0] (%s#1) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  %ki = motley.grouped_matmul @bank.k.image ranges [0] map [-1, 0] (%s#1) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  %q = motley.merge_groups %qt, %qi by %g owner [0, 1] : (tensor<32x8xf32>, tensor<32x8xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  %k = motley.merge_groups %kt, %ki by %g owner [0, 1] : (tensor<32x8xf32>, tensor<32x8xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  return %q, %k : tensor<32x8xf32>, tensor<32x8xf32>
}

// -----

motley.variable @a : tensor<16x8xf32> init normal 0.02
motley.variable @b : tensor<16x8xf32> init normal 0.02
motley.bank @bank.a [[@a]]
motley.bank @bank.b [[@b]]

// Tests the adjoints: sums of transposed products concatenate along K, outer products of the same rows become one.
// CHECK-LABEL: func.func @adjoints
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[DA:[a-z0-9]+]]: tensor<32x8xf32>, %[[DB:[a-z0-9]+]]: tensor<32x8xf32>, %[[DX:[a-z0-9]+]]: tensor<32x16xf32>
func.func @adjoints(%x: tensor<32x16xf32>, %da: tensor<32x8xf32>, %db: tensor<32x8xf32>, %dx: tensor<32x16xf32>, %live: i32, %add: i1) -> (tensor<32x16xf32>, tensor<32x8xf32>) {
  %g = motley.group_by live %live : (i32) -> !motley.groups<1, 32>
  %a = motley.grouped_matmul @bank.a ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x8xf32>
  %b = motley.grouped_matmul @bank.b ranges [0] map [0] (%x) by %g : (tensor<32x16xf32>, !motley.groups<1, 32>) -> tensor<32x8xf32>
  %y = arith.addf %a, %b : tensor<32x8xf32>
  // CHECK: motley.grouped_outer %[[X]], (%[[DA]], %[[DB]]) into @bank.a_b ranges [0, 1]
  // CHECK-NOT: motley.grouped_outer
  motley.grouped_outer %x, (%db) into @bank.b ranges [0] map [0] by %g add %add : tensor<32x16xf32>, (tensor<32x8xf32>), !motley.groups<1, 32>
  motley.grouped_outer %x, (%da) into @bank.a ranges [0] map [0] by %g add %add : tensor<32x16xf32>, (tensor<32x8xf32>), !motley.groups<1, 32>
  %tb = motley.grouped_matmul transposed @bank.b ranges [0] map [0] (%db) by %g : (tensor<32x8xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  %s = arith.addf %dx, %tb : tensor<32x16xf32>
  %ta = motley.grouped_matmul transposed @bank.a ranges [0] map [0] (%da) by %g : (tensor<32x8xf32>, !motley.groups<1, 32>) -> tensor<32x16xf32>
  // CHECK: %[[T:.*]] = motley.grouped_matmul transposed @bank.a_b ranges [0, 1] map [0] (%[[DA]], %[[DB]])
  // CHECK: arith.addf %[[T]], %[[DX]]
  %t = arith.addf %s, %ta : tensor<32x16xf32>
  return %t, %y : tensor<32x16xf32>, tensor<32x8xf32>
}

// -----

motley.variable @a : tensor<16x8xf32> init normal 0.02
motley.variable @b : tensor<16x8xf32> init normal 0.02
motley.bank @bank.a [[@a]]
motley.bank @bank.b [[@b]]

// Tests that branches that differ keep their merge, as far up as they differ: the products unite, the activations don't.
// CHECK-LABEL: func.func @unequal
func.func @unequal(%x: tensor<32x16xf32>, %m: tensor<32xi32>, %live: i32) -> tensor<32x8xf32> {
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<2, 32>
  %s:2 = motley.split_groups %x by %g owner [0, 1] : (tensor<32x16xf32>, !motley.groups<2, 32>) -> (tensor<32x16xf32>, tensor<32x16xf32>)
  %a = motley.grouped_matmul @bank.a ranges [0] map [0, -1] (%s#0) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  %b = motley.grouped_matmul @bank.b ranges [0] map [-1, 0] (%s#1) by %g : (tensor<32x16xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  // CHECK: motley.silu
  // CHECK: motley.gelu
  // CHECK: motley.merge_groups
  %c = motley.silu %a : tensor<32x8xf32>
  %d = motley.gelu %b : tensor<32x8xf32>
  %y = motley.merge_groups %c, %d by %g owner [0, 1] : (tensor<32x8xf32>, tensor<32x8xf32>, !motley.groups<2, 32>) -> tensor<32x8xf32>
  return %y : tensor<32x8xf32>
}

// -----

motley.variable @a : tensor<16x8xf32> init normal 0.02
motley.variable @b : tensor<16x8xf32> init normal 0.02
motley.variable @c : tensor<16x8xf32> init normal 0.02
motley.bank @bank.a [[@a]]
motley.bank @bank.b [[@b]]
motley.bank @bank.c [[@c]]

// Tests writers of gradients that stand in the order of their branches: the first takes the others along, which are listed behind.
// CHECK-LABEL: func.func @writers_in_order
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<32x16xf32>, %[[D:[a-z0-9]+]]: tensor<32x8xf32>
func.func @writers_in_order(%x: tensor<32x16xf32>, %d: tensor<32x8xf32>, %m: tensor<32xi32>, %live: i32, %add: i1) -> (tensor<32x8xf32>, tensor<32x16xf32>) {
  // CHECK: motley.grouped_outer %[[X]], (%[[D]]) into @bank.a_b_c ranges [0] map [0, 1, 2]
  // CHECK-NOT: motley.grouped_outer
  %g = motley.group_by %m live %live : (tensor<32xi32>, i32) -> !motley.groups<3, 32>
  %s:3 = motley.split_groups %x by %g owner [0, 1, 2] : (tensor<32x16xf32>, !motley.groups<3, 32>) -> (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>)
  %t:3 = motley.split_groups %d by %g owner [0, 1, 2] : (tensor<32x8xf32>, !motley.groups<3, 32>) -> (tensor<32x8xf32>, tensor<32x8xf32>, tensor<32x8xf32>)
  %ya = motley.grouped_matmul @bank.a ranges [0] map [0, -1, -1] (%s#0) by %g : (tensor<32x16xf32>, !motley.groups<3, 32>) -> tensor<32x8xf32>
  %yb = motley.grouped_matmul @bank.b ranges [0] map [-1, 0, -1] (%s#1) by %g : (tensor<32x16xf32>, !motley.groups<3, 32>) -> tensor<32x8xf32>
  %yc = motley.grouped_matmul @bank.c ranges [0] map [-1, -1, 0] (%s#2) by %g : (tensor<32x16xf32>, !motley.groups<3, 32>) -> tensor<32x8xf32>
  %y = motley.merge_groups %ya, %yb, %yc by %g owner [0, 1, 2] : (tensor<32x8xf32>, tensor<32x8xf32>, tensor<32x8xf32>, !motley.groups<3, 32>) -> tensor<32x8xf32>
  motley.grouped_outer %s#0, (%t#0) into @bank.a ranges [0] map [0, -1, -1] by %g add %add : tensor<32x16xf32>, (tensor<32x8xf32>), !motley.groups<3, 32>
  motley.grouped_outer %s#1, (%t#1) into @bank.b ranges [0] map [-1, 0, -1] by %g add %add : tensor<32x16xf32>, (tensor<32x8xf32>), !motley.groups<3, 32>
  motley.grouped_outer %s#2, (%t#2) into @bank.c ranges [0] map [-1, -1, 0] by %g add %add : tensor<32x16xf32>, (tensor<32x8xf32>), !motley.groups<3, 32>
  %da = motley.grouped_matmul transposed @bank.a ranges [0] map [0, -1, -1] (%t#0) by %g : (tensor<32x8xf32>, !motley.groups<3, 32>) -> tensor<32x16xf32>
  %db = motley.grouped_matmul transposed @bank.b ranges [0] map [-1, 0, -1] (%t#1) by %g : (tensor<32x8xf32>, !motley.groups<3, 32>) -> tensor<32x16xf32>
  %dc = motley.grouped_matmul transposed @bank.c ranges [0] map [-1, -1, 0] (%t#2) by %g : (tensor<32x8xf32>, !motley.groups<3, 32>) -> tensor<32x16xf32>
  %dx = motley.merge_groups %da, %db, %dc by %g owner [0, 1, 2] : (tensor<32x16xf32>, tensor<32x16xf32>, tensor<32x16xf32>, !motley.groups<3, 32>) -> tensor<32x16xf32>
  return %y, %dx : tensor<32x8xf32>, tensor<32x16xf32>
}
