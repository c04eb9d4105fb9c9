// RUN: motley-opt %s --motley-to-grouped | FileCheck %s
// RUN: sed 's/@table : tensor<40x16xf32> init normal 0.02 rate 0.0/@table : tensor<40x16xf32> init normal 0.02/' %s | motley-opt --motley-to-grouped | FileCheck %s --check-prefix=TABLE

// Tests that a frozen tower shares the launches of the other one forward, and has no backward where nothing below it trains; that
// nothing is computed below the lowest layer that trains; and that an embedding that trains is reached through the frozen tower.
motley.modality @text ids 0 to 24
motley.modality @image ids 24 to 40
motley.variable @table : tensor<40x16xf32> init normal 0.02 rate 0.0
motley.variable @low.text : tensor<16x16xf32> init normal 0.02
motley.variable @low.image : tensor<16x16xf32> init normal 0.02 rate 0.0
motley.variable @high.text : tensor<16x16xf32> init normal 0.02
motley.variable @high.image : tensor<16x16xf32> init normal 0.02 rate 0.0
motley.variable @gain.text : tensor<16xf32> init constant 1.0
motley.variable @gain.image : tensor<16xf32> init constant 1.0 rate 0.0
motley.variable @head : tensor<16x40xf32> init normal 0.02 rate 0.0

// CHECK-LABEL: func.func @accumulate
// CHECK: motley.grouped_matmul @bank.low ranges [0] map [0, 1]
// CHECK: motley.grouped_matmul @bank.high ranges [0] map [0, 1]
// CHECK: motley.grouped_norm rms {{.*}} gain @bank.gain map [0, 1]
// CHECK: motley.grouped_cross_entropy_backward @bank.head
// CHECK: motley.grouped_norm_backward {{.*}} gain @bank.gain map [0, -1]
// CHECK: motley.grouped_outer {{.*}} into @bank.high ranges [0] map [0, -1]
// CHECK: motley.grouped_matmul transposed @bank.high ranges [0] map [0, -1]
// CHECK: motley.grouped_outer {{.*}} into @bank.low ranges [0] map [0, -1]
// CHECK-NOT: motley.grouped_matmul transposed
// CHECK-NOT: motley.grouped_embedding_backward
// CHECK-LABEL: func.func @update
// CHECK: motley.gradient_norm [@bank.{{low|high|gain}}, @bank.{{low|high|gain}}, @bank.{{low|high|gain}}] :
// CHECK-COUNT-3: motley.adamw
// CHECK-NOT: motley.adamw

// TABLE-LABEL: func.func @accumulate
// TABLE: motley.grouped_norm_backward {{.*}} gain @bank.gain map [0, 1]
// TABLE-DAG: motley.grouped_outer {{.*}} into @bank.high ranges [0] map [0, -1]
// TABLE-DAG: motley.grouped_matmul transposed @bank.high ranges [0] map [0, 1]
// TABLE-DAG: motley.grouped_outer {{.*}} into @bank.low ranges [0] map [0, -1]
// TABLE-DAG: motley.grouped_matmul transposed @bank.low ranges [0] map [0, 1]
// TABLE: motley.grouped_embedding_backward
func.func @loss(%token: tensor<32xi32> {motley.field = #motley.field<token>}, %target: tensor<32xi32> {motley.field = #motley.field<target>}, %modality: tensor<32xi32> {motley.field = #motley.field<modality>})
    -> (tensor<32xf32> {motley.loss = "ce"}) {
  %x = motley.embedding @table(%token) : (tensor<32xi32>) -> tensor<32x16xf32>
  %y = motley.by_modality %modality : tensor<32xi32> -> (tensor<32x16xf32>) {
    %a = motley.linear @low.text(%x) : (tensor<32x16xf32>) -> tensor<32x16xf32>
    %b = motley.silu %a : tensor<32x16xf32>
    %c = motley.linear @high.text(%b) : (tensor<32x16xf32>) -> tensor<32x16xf32>
    %d = motley.norm rms %c gain @gain.text {epsilon = 1.0e-05 : f64} : tensor<32x16xf32>
    motley.yield %d : tensor<32x16xf32>
  } case [@text], {
    %a = motley.linear @low.image(%x) : (tensor<32x16xf32>) -> tensor<32x16xf32>
    %b = motley.silu %a : tensor<32x16xf32>
    %c = motley.linear @high.image(%b) : (tensor<32x16xf32>) -> tensor<32x16xf32>
    %d = motley.norm rms %c gain @gain.image {epsilon = 1.0e-05 : f64} : tensor<32x16xf32>
    motley.yield %d : tensor<32x16xf32>
  } case [@image]
  %ce, %z = motley.cross_entropy @head(%y) targets %target {z_loss = 0.0 : f64} : (tensor<32x16xf32>, tensor<32xi32>) -> (tensor<32xf32>, tensor<32xf32>)
  return %ce : tensor<32xf32>
}
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0
