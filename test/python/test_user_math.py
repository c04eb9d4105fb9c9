"""Own functions of one element: the text that they become, and what they refuse."""

import re

import pytest

import motley as mt
from motley import nn


class Model(nn.Module):
    def __init__(self, data, function):
        self.embed = nn.Embedding(data.vocabulary, 16)
        self.function = function
        self.criterion = nn.CrossEntropy(nn.Head(16, data.vocabulary))

    def loss(self, tokens):
        return self.criterion(self.function(self.embed(tokens)), tokens)


def plain(text):
    """The text without locations."""
    return re.sub(r' loc\("[^"]*":\d+:\d+\)', "", text)


def operations(data, function):
    """What stands between the embedding and the loss."""
    lines = plain(mt.trace(Model(data, function), data)).splitlines()
    begin = next(index for index, line in enumerate(lines) if "motley.embedding" in line)
    end = next(index for index, line in enumerate(lines) if "motley.cross_entropy" in line)
    return [line.strip() for line in lines[begin + 1 : end]]


def test_one_generic_with_the_users_lines(data):
    @mt.elementwise
    def squared_relu(x):
        return mt.maximum(x, 0) ** 2

    assert operations(data, squared_relu) == [
        "%6 = tensor.empty() : tensor<64x16xf32>",
        "%8 = linalg.generic {indexing_maps = [affine_map<(r, d) -> (r, d)>, affine_map<(r, d) -> (r, d)>], "
        'iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<64x16xf32>) outs(%6 : tensor<64x16xf32>) {',
        "^bb0(%e2: f32, %e8: f32):",
        "%e3 = arith.constant 0.0 : f32",
        "%e4 = arith.maximumf %e2, %e3 : f32",
        "%e5 = arith.constant 2.0 : f32",
        "%e6 = math.powf %e4, %e5 : f32",
        "linalg.yield %e6 : f32",
        "} -> tensor<64x16xf32>",
    ]
    text = mt.trace(Model(data, squared_relu), data)
    line = squared_relu.__wrapped__.__code__.co_firstlineno + 2
    assert re.search(rf'arith.maximumf .* loc\("{re.escape(__file__)}":{line}:16\)', text)


def test_several_arguments_results_and_settings(data):
    @mt.elementwise
    def both(x, row, slope, *, sign=1):
        return mt.where((x > row) & ~(x >= 2), x, slope * x), sign * row

    def use(x):
        first, second = both(x, nn.functional.row_sum(x), 0.25, sign=-1)
        return first + second

    lines = operations(data, use)
    assert any("affine_map<(r, d) -> (r)>" in line and "tensor<64xf32>" in line for line in lines)
    body = [re.sub(r"%\w+", "%", line) for line in lines]
    for expected in (
        "% = arith.cmpf ogt, %, % : f32",
        "% = arith.xori %, % : i1",
        "% = arith.andi %, % : i1",
        "% = arith.select %, %, % : f32",
        "% = arith.constant -1.0 : f32",
        "linalg.yield %, % : f32, f32",
        "} -> (tensor<64x16xf32>, tensor<64x16xf32>)",
    ):
        assert expected in body
    assert body[-1].startswith("% = arith.addf %, %")


def test_functions_call_each_other_and_take_tensors(data):
    @mt.elementwise
    def half(x):
        return x / 2

    @mt.elementwise
    def outer(x):
        return half(mt.tanh(x)) - 2**x

    lines = operations(data, lambda x: mt.maximum(outer(x), mt.silu(x)))
    assert sum("linalg.generic" in line for line in lines) == 3
    assert sum("arith.constant 0.6931471805599453 : f32" in line for line in lines) == 1


def test_values_of_rows_alone(data):
    @mt.elementwise
    def root(x):
        return mt.sqrt(x)

    lines = operations(data, lambda x: x + nn.functional.row_broadcast(root(nn.functional.row_sum(x * x)), 16))
    generic = next(line for line in lines if "linalg.generic" in line)
    assert "affine_map<(r) -> (r)>" in generic and 'iterator_types = ["parallel"]' in generic


def branch(x):
    return x if x > 0 else 0.0


def largest(x):
    return max(x, 0)


def python_math(x):
    import math

    return math.exp(x)


def exponent(x):
    return x**x


def negative_base(x):
    return (-2) ** x


def condition(x):
    return x > 0


def nothing(x):
    return None


def of_condition(x):
    return mt.exp(x > 0)


def no_condition(x):
    return mt.where(x, x, 0)


def word(x):
    return x + "1"


CASES = [
    (branch, "an elementwise function cannot branch on an element, which has no value yet; write mt.where"),
    (largest, "an elementwise function cannot branch on an element, which has no value yet; write mt.where"),
    (python_math, "an element has no value yet; use the functions of motley"),
    (exponent, "the exponent of '**' depends on an element; for a base above 0 write mt.exp(y * mt.log(x))"),
    (negative_base, "the base of '**' is -2; expected a number above 0"),
    (condition, "condition returned a condition; expected a value computed from its arguments, or several"),
    (nothing, "nothing returned None; expected a value computed from its arguments, or several"),
    (of_condition, "operand of 'exp' is a condition; expected a value of an element or a number"),
    (no_condition, "operand of 'where' is a value; expected a condition, such as x > 0"),
    (word, "operand of '+' is a str; expected a value of an element or a number"),
]


@pytest.mark.parametrize("function, message", CASES, ids=[function.__name__ for function, _ in CASES])
def test_mistakes_inside(data, function, message):
    with pytest.raises(mt.Error) as caught:
        mt.trace(Model(data, mt.elementwise(function)), data)
    assert message in caught.value.message
    assert caught.value.location.file == __file__


def test_mistakes_of_calls(data):
    square = mt.elementwise(lambda x, y=1.0: x * y)
    for use, message in (
        (lambda x: square(3.0), "<lambda> got no tensor; expected at least one, of rows of f32"),
        (lambda x: square(x, nn.functional.one_hot(None, 3)), "one_hot got None"),
        (lambda x: mt.where(x, x, x), "where works on elements; put it into a function under @mt.elementwise"),
        (lambda x: mt.exp(2.0), "exp got numbers alone; expected an element or a tensor"),
        (lambda x: mt.tanh("x"), "operand of 'tanh' is a str; expected a value of an element or a number"),
    ):
        with pytest.raises(mt.Error) as caught:
            mt.trace(Model(data, use), data)
        assert message in caught.value.message

    class Ids(Model):
        def loss(self, tokens):
            return self.criterion(square(self.embed(tokens), tokens.position), tokens)

    with pytest.raises(mt.Error, match="got a tensor<64xi32>; expected f32: nn.functional.as_floats makes numbers"):
        mt.trace(Ids(data, None), data)
    wide = nn.Linear(16, 8)

    class Widths(Model):
        def __init__(self, data):
            super().__init__(data, None)
            self.wide = wide

        def loss(self, tokens):
            x = self.embed(tokens)
            return self.criterion(square(x, self.wide(x)), tokens)

    with pytest.raises(mt.Error, match=re.escape("differ: [R, 16] and [R, 8]; expected the same, or one value a row")):
        mt.trace(Widths(data), data)


def test_an_element_stays_in_its_function(data):
    kept = []

    @mt.elementwise
    def keep(x):
        kept.append(x)
        return x

    @mt.elementwise
    def use(x):
        return x + kept[0]

    with pytest.raises(mt.Error, match="a value of another elementwise function is used; pass it as an argument"):
        mt.trace(Model(data, lambda x: use(keep(x))), data)
