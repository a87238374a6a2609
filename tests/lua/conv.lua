-- Convolutions as scripts see them: options, shapes, weights, errors. Run by
-- tests/test_script.c as it loads, then inside of a run.
local latent = require "latent"

local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok, "no error")
  assert(tostring(message):find(pattern), ("found %s, wanted %s"):format(message, pattern))
end

-- ---- options ----

local conv = latent.conv { 16, kernel = 3 }
assert(conv.kind == "conv" and conv.channels == 16 and conv.act == "linear" and conv.pad == "same")
assert(table.concat(conv.kernel, " ") == "3 3" and table.concat(conv.stride, " ") == "1 1")
local wide = latent.conv { 4, kernel = { 3, 5 }, stride = { 1, 2 }, dilation = 2, pad = { 0, 4 }, act = "relu" }
assert(table.concat(wide.kernel, " ") == "3 5" and table.concat(wide.dilation, " ") == "2 2")
assert(wide.pad == "size" and table.concat(wide.pad_size, " ") == "0 4")
assert(latent.conv { 4, kernel = 3, pad = 1 }.pad_size[2] == 1)
assert(table.concat(latent.conv_transpose { 4, kernel = 3, size = { 9, 8 } }.size, " ") == "9 8")

raises("latent.conv: kernel is missing", latent.conv, { 16 })
raises("latent.conv: channels is missing", latent.conv, { kernel = 3 })
raises("kernel is 0, wanted a whole number of at least 1, or two", latent.conv, { 16, kernel = 0 })
raises("kernel is a table, wanted a whole number", latent.conv, { 16, kernel = { 3 } })
raises("kernel is a table", latent.conv, { 16, kernel = { 3, 3, 3 } })
raises("stride is %-1, wanted", latent.conv, { 16, kernel = 3, stride = -1 })
raises("pad is 'smae', did you mean 'same'", latent.conv, { 16, kernel = 3, pad = "smae" })
raises("pad is %-1, wanted a whole number of at least 0", latent.conv, { 16, kernel = 3, pad = -1 })
raises("unknown option 'size'", latent.conv, { 16, kernel = 3, size = 9 })
raises("unknown option 'kernels'", latent.conv, { 16, kernels = 3 })

-- ---- networks ----

local data = latent.data.curves { n_train = 40, n_test = 8, seed = 3 }
local function new(tie)
  return latent.autoencoder {
    input = data.train.shape, tie = tie, seed = 1,
    encoder = {
      latent.conv { 4, kernel = 3, stride = 3, act = "tanh" },
      latent.conv { 6, kernel = { 2, 3 }, stride = 2, pad = "valid", act = "relu" },
    },
  }
end

local net = new("untied")
assert(table.concat(net.code, "x") == "6x5x4" and table.concat(net.output, "x") == "1x28x28")
assert(net:parameters() == 2 * (4 * 9 + 6 * 4 * 6) + 4 + 6 + 4 + 1)
assert(new("tied"):parameters() == 4 * 9 + 6 * 4 * 6 + 4 + 6 + 4 + 1)
local summary = net:summary()
assert(summary:find("conv 3x3/3 same", 1, true) and summary:find("conv 2x3/2", 1, true))
assert(summary:find("conv_transpose 3x3/3 same", 1, true))

-- Kernels are flat, (out, in, height, width); a tied mirror has the same.
local tied = new("tied")
local w, out, inputs, height, width = tied:weight(2)
assert(#w == 144 and out == 6 and inputs == 4 and height == 2 and width == 3)
local mirror = tied:weight(3)
for i, value in ipairs(w) do assert(value == mirror[i]) end
assert(#tied:bias(2) == 6 and #tied:bias(3) == 4 and #tied:bias(4) == 1)

local filters = latent.plot.filters(net, { layer = 1 })
assert(filters.title == "layer 1 weights, 4 kernels" and filters.panels[1].tiles.width == 3)
assert(latent.plot.filters(net, { layer = 2 }).panels[1].tiles.cols == 4)

-- It learns, as scripts have it.
for _, tie in ipairs { "tied", "unrolled", "mirrored" } do
  local one = new(tie)
  local before = one:evaluate(data.test).loss
  latent.fit(one, { train = data.train, epochs = 3, batch = 10, optimizer = latent.adam { rate = 0.01 } })
  assert(one:evaluate(data.test).loss <= before)
end

-- An explicit decoder, and sizes that do not fit.
local function decoder(layer)
  return latent.autoencoder { input = { 1, 9, 9 }, encoder = { latent.conv { 3, kernel = 3, stride = 2 } },
    decoder = { layer } }
end
assert(table.concat(decoder(latent.conv_transpose { 1, kernel = 3, stride = 2, size = 9 }).output, "x") == "1x9x9")
raises("decoder layer 1 %(conv_transpose%): 100 elements, wanted the input.s 81 %(1x9x9%)", decoder,
  latent.conv_transpose { 1, kernel = 3, stride = 2 })
raises("height of 11, wanted 9 to 10", decoder, latent.conv_transpose { 1, kernel = 3, stride = 2, size = 11 })
raises("kernel spans 12, larger than the input's height of 9", latent.autoencoder,
  { input = { 1, 9, 9 }, encoder = { latent.conv { 3, kernel = 12, pad = "valid" } } })
raises("takes pictures", latent.autoencoder, { input = 81, encoder = { latent.conv { 3, kernel = 3 } } })

return latent.experiment {
  name = "conv",
  config = { seed = 1 },
  run = function(run)
    local one = new("tied")
    latent.fit(one, { train = data.train, test = data.test, epochs = 1, batch = 10, run = run })
    run:save("net", one)
    run:figure("filters", latent.plot.filters(one))
  end,
}
