-- latent bench: the engine against the bare matrix products of its steps, and
-- what threads, processes and the store cost. Prints, never judges.
local args = require "latent.args"
local bench = require "latent.core.bench"
local output = require "latent.output"
local sys = require "latent.core.sys"
local tables = require "latent.table"
local torch = require "latent.bench_torch"

local SMALLEST <const> = "small-32"
local LARGEST <const> = "deep-100"
local CONVOLUTIONAL <const> = "conv-100"

local spec <const> = {
  command = "bench",
  summary = "time the engine against bare matrix products",
  options = {
    { "--only", value = "NAME", repeated = true,
      help = "only this network, or: threads, together, logging, recording, checkpoint, sparse, pytorch" },
    { "--threads", value = "N", type = "integer", min = 1, default = 1, help = "threads of the networks' table" },
    { "--seconds", value = "S", type = "number", default = 2, help = "about how long each measurement takes" },
    { "--rows", value = "N", type = "integer", min = 1, default = 1000000,
      help = "metric values that recording stores" },
    { "--list", help = "names of the networks" },
  },
  formats = true,
  db = false,
  text = [[
A step is all of training for one batch: gather, forward, loss, backward,
Adam. Its floor is the bare matrix products of the same shapes, one library
call each, timed in turns with the steps in the same process with as many
threads; share is floor / step. A convolution's products are those of im2col,
over the whole batch, with all patches taken as written out already. Times are
medians over blocks: processor time with one thread, the clock on the wall with
more.

  threads     one run with two threads against one with one
  together    two runs at once against one
  logging     every step's loss recorded in a store, smallest network
  recording   a million metric values into a store (--rows)
  checkpoint  of the largest network, on the disk of $TMPDIR; by default a run
              writes one when 200 times as long has passed
  sparse      a step on ratings, 20,000 items of which a user rates 1 %, against
              the same step of the same network on arrays with gaps, the quickest
              of both: SGD with momentum, batch 128; items are rated by Zipf's
              law, as in sets of ratings. sparse-tied; sparse-even: all items
              alike, so that a batch reads most
  pytorch     conv-100 in PyTorch against ours, one thread each, the best blocks
              of both; by /usr/bin/python3, else python3, or $LATENT_PYTHON

Anything else that runs on the machine disturbs the figures.]],
  examples = {
    { "latent bench" },
    { "latent bench --only deep-100 --threads 2 --json" },
  },
}

local function short(x) return ("%.4g"):format(x) end
local function whole(x) return ("%.0f"):format(x) end

local NETWORK_COLUMNS <const> = {
  { "name" }, { "network" }, { "batch" }, { "tie" }, { "loss" }, { "threads" },
  { "step_ms", title = "ms/step", show = short, align = "right" },
  { "floor_ms", title = "floor", show = short, align = "right" },
  { "share", digits = 3 },
  { "examples_per_second", title = "examples/s", show = whole, align = "right" },
  { "floor_gflops", title = "GFLOP/s", show = short, align = "right" },
}

local OTHER_COLUMNS <const> = {
  { "name" }, { "what" }, { "value", digits = 4 }, { "unit" },
}

-- ---- measurements beside the table of networks ----

local other = {}

-- Turns of one and two threads, by the clock on the wall: the machine drifts.
function other.threads(opt)
  local best = { 0, 0 }
  for _ = 1, 3 do
    for n = 1, 2 do
      local r = bench.network({ name = LARGEST, threads = n, seconds = opt.seconds / 3, throughput = true })
      best[n] = math.max(best[n], r.examples_per_second)
    end
  end
  return {
    what = ("%s: speed of two threads on one run against one"):format(LARGEST),
    value = best[2] / best[1],
    unit = "x",
  }
end

local function sum(list)
  local total = 0
  for _, x in ipairs(list) do total = total + x end
  return total
end

function other.together(opt)
  local best = { 0, 0 }
  for _ = 1, 3 do
    for n = 1, 2 do
      local rates = bench.together({ name = LARGEST, processes = n, seconds = opt.seconds / 3 })
      best[n] = math.max(best[n], sum(rates))
    end
  end
  return {
    what = ("%s: throughput of two runs at once against one"):format(LARGEST),
    value = best[2] / best[1],
    unit = "x",
  }
end

function other.logging(opt)
  local plain, logged = bench.logging({ name = SMALLEST, seconds = 4 * opt.seconds })
  return {
    what = ("%s: every step logged (%.4g ms against %.4g)"):format(SMALLEST, logged, plain),
    value = 100 * (logged / plain - 1),
    unit = "%",
  }
end

function other.recording(opt)
  return {
    what = ("%d metric values into a store"):format(opt.rows),
    value = bench.recording(opt.rows),
    unit = "s",
  }
end

function other.checkpoint()
  local ms, step_ms, megabytes = bench.checkpoint({ name = LARGEST })
  return {
    what = ("%s: a checkpoint of %.3g MB, as long as %.2g steps"):format(LARGEST, megabytes, ms / step_ms),
    value = ms,
    unit = "ms",
  }
end

-- Half of our own time before, half after: the machine drifts.
function other.pytorch(opt)
  local function own()
    return bench.network({ name = CONVOLUTIONAL, threads = 1, seconds = opt.seconds / 2 }).best_step_ms
  end
  local first = own()
  local version, ms = torch.step(opt.seconds)
  if not version then
    return { what = ("%s: PyTorch is not installed: skipped"):format(CONVOLUTIONAL) }
  end
  local best = math.min(first, own())
  return {
    what = ("%s: a step of PyTorch %s (%.4g ms) against ours (%.4g)"):format(CONVOLUTIONAL, version, ms, best),
    value = ms / best,
    unit = "x",
  }
end

-- Of the depth table of Kuchaiev and Ginsburg 2017.
local ITEMS <const> = 20000
local UNITS <const> = { 128, 128, 128 }

local function sparse(name, tied, popularity)
  other[name] = function(opt)
    local ours, dense = bench.sparse({ items = ITEMS, units = UNITS, tied = tied, popularity = popularity,
      threads = opt.threads, seconds = opt.seconds })
    return {
      what = ("%d-%s%s: a step on ratings (%.3g ms) against arrays (%.4g)"):format(ITEMS, table.concat(UNITS, "-"),
        tied and ", tied" or "", ours, dense),
      value = dense / ours,
      unit = "x",
    }
  end
end

sparse("sparse", false, 1.0)
sparse("sparse-tied", true, 1.0)
sparse("sparse-even", false, 0.0)

local OTHERS <const> = { "threads", "together", "logging", "recording", "checkpoint", "sparse", "sparse-tied",
  "sparse-even", "pytorch" }

-- ---- the command ----

local function note(context, text)
  if context.is_tty then output.raw(io.stderr, "\r\27[K", text) end
end

local function names_of(cases)
  local names = {}
  for _, c in ipairs(cases) do names[#names + 1] = c.name end
  table.move(OTHERS, 1, #OTHERS, #names + 1, names)
  return names
end

-- The set of names asked for; nil and a message for one unknown.
local function selection(only, names)
  local known, chosen = {}, {}
  for _, name in ipairs(names) do
    known[name] = true
    chosen[name] = not only
  end
  for _, name in ipairs(only or {}) do
    if not known[name] then
      local near = args.nearest(name, names)
      return nil, ("nothing is called '%s'%s; wanted one of %s"):format(name,
        near and (", did you mean '%s'?"):format(near) or "", table.concat(names, ", "))
    end
    chosen[name] = true
  end
  return chosen
end

local function measure_networks(cases, chosen, opt, context)
  local rows = {}
  for _, c in ipairs(cases) do
    if chosen[c.name] then
      note(context, c.name)
      local row = bench.network({ name = c.name, threads = opt.threads, seconds = opt.seconds })
      for key, value in pairs(c) do row[key] = value end
      rows[#rows + 1] = row
    end
  end
  return rows
end

local function measure_others(chosen, opt, context)
  local rows = {}
  for _, name in ipairs(OTHERS) do
    local is_idle = (name == "threads" or name == "together") and sys.host().cores < 2
    if chosen[name] and not is_idle then
      note(context, name)
      local row = other[name](opt)
      row.name = name
      rows[#rows + 1] = row
    end
  end
  return rows
end

local function write(networks, others, opt)
  if opt.format ~= "table" then
    local columns = table.move(OTHER_COLUMNS, 2, #OTHER_COLUMNS, #NETWORK_COLUMNS + 1,
      table.move(NETWORK_COLUMNS, 1, #NETWORK_COLUMNS, 1, {}))
    local rows = table.move(others, 1, #others, #networks + 1, networks)
    return tables.write({ columns = columns, rows = rows }, opt)
  end
  if #networks > 0 then tables.write({ columns = NETWORK_COLUMNS, rows = networks }, opt) end
  if #networks > 0 and #others > 0 then io.stdout:write("\n") end
  if #others > 0 then tables.write({ columns = OTHER_COLUMNS, rows = others }, opt) end
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local cases = bench.cases()
  if opt.list then
    tables.write({ columns = table.move(NETWORK_COLUMNS, 1, 5, 1, {}), rows = cases }, opt)
    return 0
  end
  local chosen, message = selection(opt.only, names_of(cases))
  if not chosen then
    io.stderr:write("latent bench: ", message, "\n")
    return 2
  end
  if not (opt.seconds > 0) then
    io.stderr:write("latent bench: --seconds: wanted more than 0\n")
    return 2
  end
  local networks = measure_networks(cases, chosen, opt, context)
  local others = measure_others(chosen, opt, context)
  note(context, "")
  write(networks, others, opt)
  return 0
end

return { main = main, spec = spec }
