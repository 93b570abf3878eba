// Ten tokens and two experts: what N times the sum of f P is when f and P need not lean to the same side.
(() => {
  "use strict";
  const FIRST = 0.7;
  // Seven tokens go to expert 1 with probability `sure`, three to expert 2 with `toward`; both are above one half, so f is (0.7, 0.3).
  function values({ sure, toward }) {
    const P1 = FIRST * sure + (1 - FIRST) * (1 - toward);
    return { P1, loss: 2 * (FIRST * P1 + (1 - FIRST) * (1 - P1)) };
  }
  const three = (number) => number.toFixed(3);

  function draw(at, { P1, loss }) {
    const { sure, toward } = at;
    const end = (x) => [x, values({ sure: x, toward }).loss];
    const side = P1 < 0.5 ? "to opposite sides" : "to the same side";
    return {
      marks: [
        { line: [[0.5, 1], [1, 1]], look: "grey dotted" },
        { line: [[0.5, 1.16], [1, 1.16]], look: "red dashed" },
        { line: [end(0.51), end(1)], look: "blue" },
        { dot: [sure, loss], sign: "circle", look: "blue" },
        { text: "uniform", at: [0.5, 1] },
      ],
      key: [
        { line: true, sign: "circle", look: "blue", name: "N \u03a3 f P", words: [three(loss)] },
        { line: true, look: "red dashed", name: "N \u03a3 f\u00b2", words: ["1.160"] },
        { name: "f", words: ["0.700, 0.300"] },
        { name: "P", words: [`${three(P1)}, ${three(1 - P1)}`] },
      ],
      said: `Here f and P lean ${side}: the loss is ${three(loss)}.`,
    };
  }

  drawings.add("moe", {
    x: { label: "probability for expert 1, seven tokens", low: 0.5, high: 1, ticks: [0.5, 0.6, 0.7, 0.8, 0.9, 1] },
    y: { label: "value of the loss", low: 0.8, high: 1.4, ticks: [0.8, 1, 1.2, 1.4] },
    values,
    draw,
  });
})();
