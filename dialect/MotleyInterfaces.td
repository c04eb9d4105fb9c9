// Interfaces of motley operations.
#ifndef MOTLEY_INTERFACES
#define MOTLEY_INTERFACES

include "mlir/IR/OpBase.td"

def DifferentiableOpInterface : OpInterface<"DifferentiableOpInterface"> {
  let cppNamespace = "::mlir::motley";
  let description = [{
    Reverse mode at level 2: an operation builds its own adjoint. Operations that carry no gradient (integers, tables) don't
    implement it. Upstream operations are given external models by the pass that differentiates.
  }];
  let methods = [InterfaceMethod<[{
      Reads the cotangents of the results, adds cotangents to the operands, and writes gradients of banks. Called only where at
      least one result has a cotangent.
    }],
    "::mlir::LogicalResult", "buildAdjoint",
    (ins "::mlir::OpBuilder &":$builder, "::mlir::motley::Adjoint &":$adjoint)>];
}

#endif // MOTLEY_INTERFACES
