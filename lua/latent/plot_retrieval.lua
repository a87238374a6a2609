-- latent.plot.retrieval: precision against the number retrieved, from results
-- of latent.probe.
--
--   latent.plot.retrieval(result)                  -- the code and its PCA
--   latent.plot.retrieval({ a, b }, { labels = { "tied", "untied" } })
--
-- Codes are drawn in colours of their own, principal components dashed, once
-- for each size.
local options = require "latent.options"
local sys = require "latent.core.sys"

local owner <const> = "latent.plot.retrieval"

local spec = options.define(owner, {
  { "labels", "table", help = "a name for each result" },
  { "pca", "boolean", default = true, help = "draw the principal components too, where they were probed" },
  { "title", "string", help = "of the figure" },
})

local function series_of(curve, label, color, dash)
  local x, y = {}, {}
  for i, n in ipairs(curve.n) do x[i], y[i] = n + 0.0, curve.precision[i] end
  return { label = label, color = color, dash = dash, x = x, y = y }
end

local function read_results(given)
  options.expect(given, "table", owner)
  local results = given.metrics and { given } or given
  if #results == 0 then sys.fail(owner .. ": no results, wanted what latent.probe returns, or a list of such") end
  for i, result in ipairs(results) do
    options.expect(result, "table", ("%s: result %d"):format(owner, i))
    if type(result.retrieval) ~= "table" then
      sys.fail(("%s: result %d has no retrieval, wanted latent.probe { retrieval = true, ... }"):format(owner, i))
    end
  end
  return results
end

local function label_of(labels, i, units)
  local label = labels and labels[i]
  if label == nil then return ("code of %d"):format(units) end
  return type(label) == "string" and label
    or sys.fail(("%s: labels: %d is %s, wanted a string"):format(owner, i, options.show(label)))
end

return function(given, opts)
  local results = read_results(given)
  local o = spec:read(opts or {})
  local series, drawn = {}, {}
  for i, result in ipairs(results) do
    series[#series + 1] = series_of(result.retrieval, label_of(o.labels, i, result.code), i, 1)
  end
  for _, result in ipairs(results) do
    local pca = o.pca and result.pca
    if pca and pca.retrieval and not drawn[result.code] then
      drawn[result.code] = true
      series[#series + 1] = series_of(pca.retrieval, ("PCA of %d"):format(result.code), #series + 1, 2)
    end
  end
  return {
    title = o.title,
    panels = { { x = { label = "examples retrieved", log = true }, y = { label = "precision" }, series = series } },
  }
end
