// PPO's clipped objective of one word over the ratio of its probabilities, for an advantage A and a clip epsilon.
(() => {
  "use strict";
  const clip = (ratio, epsilon) => Math.min(Math.max(ratio, 1 - epsilon), 1 + epsilon);
  const objective = (ratio, a, epsilon) => Math.min(ratio * a, clip(ratio, epsilon) * a);
  const clipped = (ratio, a, epsilon) => (a > 0 && ratio > 1 + epsilon) || (a < 0 && ratio < 1 - epsilon);
  const MARKED = [0.4, 1, 1.6];

  function values({ A: a, epsilon }) {
    return {
      objective: MARKED.map((ratio) => objective(ratio, a, epsilon)),
      slope: MARKED.map((ratio) => (clipped(ratio, a, epsilon) ? 0 : a)),
    };
  }
  const two = (x) => (Math.abs(x) < 0.005 ? "0.00" : x.toFixed(2));

  function draw({ A: a, epsilon }, { objective: heights, slope }) {
    const low = 1 - epsilon, high = 1 + epsilon, corners = [0, low, high, 2];
    const flat = a > 0 ? [high, 2] : [0, low];
    const words = MARKED.map((ratio, i) => [`ratio ${two(ratio)}: ${two(heights[i])}`, `slope ${two(slope[i])}`]);
    return {
      marks: [
        ...(a ? [{ band: flat, look: "band" }] : []),
        { line: [[low, -2], [low, 2]], look: "grey dotted" },
        { line: [[high, -2], [high, 2]], look: "grey dotted" },
        { line: [[0, 0], [2, 2 * a]], look: "red dashed" },
        { line: corners.map((ratio) => [ratio, objective(ratio, a, epsilon)]), look: "blue" },
        ...MARKED.map((ratio, i) => ({ dot: [ratio, heights[i]], sign: ["square", "circle", "triangle"][i], look: "blue" })),
        { text: "1 − ε", at: [low, 2] },
        { text: "1 + ε", at: [high, 2], row: epsilon < 0.15 ? 1 : 0 },
      ],
      key: [
        { line: true, look: "red dashed", name: "ratio × A", words: ["no clip"] },
        { line: true, look: "blue", name: "objective", words: ["their minimum"] },
        ...MARKED.map((_, i) => ({ sign: ["square", "circle", "triangle"][i], look: "blue", name: ["less likely", "as before", "likelier"][i], words: words[i] })),
        { band: true, look: "band", name: "no gradient", words: [a > 0 ? `ratio > ${two(high)}` : a < 0 ? `ratio < ${two(low)}` : "nothing to learn"] },
      ],
      said: a > 0 ? "A good word: flat above 1 + ε, nowhere else."
        : a < 0 ? "A bad word: flat below 1 − ε, nowhere else." : "A = 0: nothing to learn.",
    };
  }

  drawings.add("ppo", {
    x: { label: "ratio, new to old probability", low: 0, high: 2, ticks: [0, 0.5, 1, 1.5, 2] },
    y: { label: "objective", low: -2, high: 2, ticks: [-2, -1, 0, 1, 2] },
    values,
    draw,
  });
})();
