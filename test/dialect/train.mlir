// RUN: motley-opt %s | motley-opt | FileCheck %s

// Tests that a loss function may stand below its motley.train, take every field, and return several losses.

// CHECK: motley.train @loss adamw
motley.train @loss adamw beta1 0.9 beta2 0.95 epsilon 1.0e-8 weight_decay 0.1 clip 1.0

// CHECK: func.func private @loss
// CHECK-SAME: i32 {motley.field = #motley.field<live>}
func.func private @loss(
    tensor<4xi32> {motley.field = #motley.field<token>}, tensor<4xi32> {motley.field = #motley.field<target>},
    tensor<4xf32> {motley.field = #motley.field<weight>}, tensor<4xi32> {motley.field = #motley.field<modality>},
    tensor<4xi32> {motley.field = #motley.field<document>}, tensor<4xi32> {motley.field = #motley.field<span>},
    tensor<4xi32> {motley.field = #motley.field<order>}, tensor<4xi32> {motley.field = #motley.field<position>},
    tensor<4xi32> {motley.field = #motley.field<index>}, i32 {motley.field = #motley.field<live>})
    -> (tensor<4xf32> {motley.loss = "ce"}, tensor<4xf32> {motley.loss = "z"})
