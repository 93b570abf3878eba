// Two labels, Positive and Negative: what contextual calibration makes of p(Positive), given p_null(Positive).
(() => {
  "use strict";
  // W = diag(p_null)^-1 and b = 0: the softmax of W p, and W p divided by its sum.
  function values({ p, p_null: empty }) {
    const [positive, negative] = [p / empty, (1 - p) / (1 - empty)];
    return { softmax: 1 / (1 + Math.exp(negative - positive)), normalised: positive / (positive + negative) };
  }
  const decided = (q) => (q > 0.5 ? "Positive" : q < 0.5 ? "Negative" : "a tie");
  const two = (q) => q.toFixed(2);

  function draw(at, { softmax, normalised }) {
    const { p, p_null: empty } = at, grid = Array.from({ length: 101 }, (_, i) => i / 100);
    const curve = (form) => grid.map((x) => [x, values({ p: x, p_null: empty })[form]]);
    const before = decided(p), after = decided(softmax), [from, to] = [0.5, empty].sort((a, b) => a - b).map(two);
    return {
      marks: [
        { band: [0.5, empty], look: "band" },
        { line: [[0, 0], [1, 1]], look: "grey dotted" },
        { line: [[0.5, 0], [0.5, 1]], look: "grey dotted" },
        { line: [[empty, 0], [empty, 1]], look: "ink thin" },
        { line: curve("softmax"), look: "blue" },
        { line: curve("normalised"), look: "red dashed" },
        { dot: [empty, 0.5], sign: "diamond", look: "hollow" },
        { dot: [p, p], sign: "square", look: "grey" },
        { dot: [p, softmax], sign: "circle", look: "blue" },
        { dot: [p, normalised], sign: "triangle", look: "red" },
        { text: "threshold before: 1/2", at: [0.5, 1], row: 1 },
        { text: `threshold after: p_null = ${two(empty)}`, at: [empty, 1], look: "strong" },
      ],
      key: [
        { line: true, sign: "square", look: "grey dotted", name: "not calibrated", words: [`p = ${two(p)}`, before] },
        { line: true, sign: "circle", look: "blue", name: "softmax(W p)", words: [`q = ${two(softmax)}`, after] },
        { line: true, sign: "triangle", look: "red dashed", name: "p / p_null, normalised", words: [`q = ${two(normalised)}`, decided(normalised)] },
        { sign: "diamond", look: "hollow", name: "the null input", words: ["q = 0.50", "a tie"] },
        { band: true, look: "band", name: "the decision changes", words: [from === to ? "nowhere" : `${from} < p < ${to}`] },
      ],
      said: before === after ? `Before and after calibration: ${after}.` : `Before calibration: ${before}. After: ${after}, in both forms.`,
    };
  }

  const ticks = [0, 0.25, 0.5, 0.75, 1];
  drawings.add("calibration", {
    x: { label: "p(Positive), as the model says it", low: 0, high: 1, ticks },
    y: { label: "q(Positive), calibrated", low: 0, high: 1, ticks },
    values,
    draw,
  });
})();
