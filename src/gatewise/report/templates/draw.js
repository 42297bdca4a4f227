for (const script of document.querySelectorAll("script.figure")) {
  const figure = JSON.parse(script.textContent);
  const plot = document.getElementById(script.dataset.plot);
  // On paper the page is narrower than on screen: with a view box the drawing shrinks to its frame.
  const frame = () => plot.querySelectorAll(".main-svg").forEach((svg) =>
    svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`));
  Plotly.newPlot(plot, figure.data, figure.layout, {responsive: true, displayModeBar: false}).then(() => {
    frame();
    plot.on("plotly_afterplot", frame);
  });
}
