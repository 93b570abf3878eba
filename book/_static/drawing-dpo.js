// One pair of answers: what DPO's loss and weight make of its margin, the log-ratio of log-ratios in nats, at some beta.
(() => {
  "use strict";
  const SMOOTHING = 0.1;
  // The implicit rewards differ by beta * margin; the weight is the sigmoid of minus that.
  function values({ beta, margin }) {
    const weight = 1 / (1 + Math.exp(beta * margin));
    return { weight, smoothed: weight - SMOOTHING, loss: Math.log1p(Math.exp(-beta * margin)), pull: beta * weight };
  }
  const two = (number) => number.toFixed(2).replace("-", "\u2212");

  function draw(at, { weight, smoothed, loss, pull }) {
    const { beta, margin } = at, grid = Array.from({ length: 121 }, (_, i) => i / 6 - 10);
    const curve = (form) => grid.map((x) => [x, values({ beta, margin: x })[form]]);
    const moved = margin > 0 ? "The chosen answer gained on the rejected one" : margin < 0 ? "The chosen answer lost to the rejected one" : "As at the start";
    return {
      marks: [
        { line: [[0, -0.2], [0, 1]], look: "grey dotted" },
        { line: [[-10, 0.5], [10, 0.5]], look: "grey dotted" },
        { line: curve("weight"), look: "blue" },
        { line: curve("smoothed"), look: "red dashed" },
        { dot: [margin, weight], sign: "circle", look: "blue" },
        { dot: [margin, smoothed], sign: "triangle", look: "red" },
        { text: "the start", at: [0, 1] },
      ],
      key: [
        { line: true, sign: "circle", look: "blue", name: "DPO", words: [`weight ${two(weight)}`, `loss ${two(loss)}`] },
        { line: true, sign: "triangle", look: "red dashed", name: "with smoothing 0.1", words: [`weight ${two(smoothed)}`] },
        { name: "β × margin", words: [two(beta * margin)] },
        { name: "β × weight", words: [two(pull)] },
      ],
      said: `${moved}: the weight is ${two(weight)}.`,
    };
  }

  drawings.add("dpo", {
    x: { label: "margin, nats", low: -10, high: 10, ticks: [-10, -5, 0, 5, 10] },
    y: { label: "weight of the pair", low: -0.2, high: 1, ticks: [0, 0.25, 0.5, 0.75, 1] },
    values,
    draw,
  });
})();
