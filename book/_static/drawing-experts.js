// A layer of N experts of which a token uses k: parameters, FLOPs of a token, and the sets of k that it can have.
(() => {
  "use strict";
  const WIDTH = 64, HIDDEN = 32, ONE = 2 * WIDTH * HIDDEN; // ONE: the parameters of an expert; twice as many FLOPs
  // Each factor leaves a whole number, so nothing is rounded below 2^53.
  function combinations(n, k) {
    let found = 1;
    for (let i = 1; i <= k; i += 1) found = (found * (n - k + i)) / i;
    return found;
  }
  function values({ experts, k: asked }) {
    const k = Math.min(asked, experts), router = WIDTH * experts;
    return { used: k, total: ONE * experts + router, active: ONE * k + router, expert_flops: 2 * ONE * k, router_flops: 2 * router, choices: combinations(experts, k) };
  }
  const whole = (number) => number.toLocaleString("en-US");
  const round = (number) => (number < 1e6 ? whole(number) : number < 1e9 ? `${(number / 1e6).toFixed(1)} million` : `${(number / 1e9).toFixed(2)} billion`);

  function draw({ experts, k: asked }, v) {
    const grid = Array.from({ length: 64 }, (_, i) => i + 1);
    const curve = (of) => grid.map((n) => [n, of(values({ experts: n, k: asked }))]);
    const parameters = (at) => at.total / ONE, work = (at) => at.expert_flops / (2 * ONE), router = (at) => at.router_flops / (2 * ONE);
    return {
      marks: [
        { line: curve(parameters), look: "blue" },
        { line: curve(work), look: "red" },
        { line: curve(router), look: "grey dashed" },
        { dot: [experts, parameters(v)], sign: "circle", look: "blue" },
        { dot: [experts, work(v)], sign: "triangle", look: "red" },
        { dot: [experts, router(v)], sign: "square", look: "grey" },
      ],
      key: [
        { line: true, sign: "circle", look: "blue", name: "parameters", words: [whole(v.total), `active ${whole(v.active)}`] },
        { line: true, sign: "triangle", look: "red", name: "FLOPs of the experts", words: [whole(v.expert_flops)] },
        { line: true, sign: "square", look: "grey dashed", name: "FLOPs of the router", words: [whole(v.router_flops)] },
        { name: "sets of k experts", words: [whole(v.choices)] },
      ],
      said: `A token uses ${v.used} of ${experts}: ${round(v.choices)} ${v.choices === 1 ? "set" : "sets"} to choose from.`,
    };
  }

  drawings.add("experts", {
    x: { label: "experts N", low: 0, high: 64, ticks: [0, 16, 32, 48, 64] },
    y: { label: "in units of one expert", low: 0, high: 70, ticks: [0, 16, 32, 48, 64] },
    values,
    draw,
  });
})();
