-- taking: what `latent merge` and `latent import` share: runs of other files
-- into the store, and what is said of it.
local core = require "latent.core.exchange"
local encode = require "latent.encode"
local reader = require "latent.reader"
local sys = require "latent.core.sys"

local taking = {}

local USAGE <const> = { EINVAL = true }

-- "1 run", "3 runs"
function taking.count(n, noun)
  return ("%d %s%s"):format(n, noun, n == 1 and "" or "s")
end

-- "12.3 MB" of bytes.
function taking.size(bytes)
  if bytes < 1e6 then return ("%.1f kB"):format(bytes / 1e3) end
  return ("%.1f MB"):format(bytes / 1e6)
end

-- What was told of single runs, on standard error.
function taking.tell(report)
  if report.lines ~= "" then io.stderr:write(report.lines) end
  if report.is_cut then io.stderr:write("and more of that\n") end
end

-- Raises what a report says that failed.
function taking.check(report)
  if report.error then error({ status = USAGE[report.status] and 2 or 4, message = report.error }, 0) end
end

-- "3 runs new, 1 already here; 2 files (1.2 MB), 1234 values, 1 source"
local function summary(r)
  local runs = { taking.count(r.new, "run") .. " new" }
  local function add(n, text)
    if n > 0 then runs[#runs + 1] = n .. " " .. text end
  end
  add(r.same, "already here")
  add(r.updated, "brought up to date")
  add(r.left, "left")
  add(r.refused, "refused")
  local text = table.concat(runs, ", ")
  if r.new + r.updated == 0 then return text end
  local parts = { taking.count(r.values, "value") }
  if r.files > 0 then parts[#parts + 1] = ("%s (%s)"):format(taking.count(r.files, "file"), taking.size(r.bytes)) end
  if r.sources > 0 then parts[#parts + 1] = taking.count(r.sources, "source") end
  return text .. "; " .. table.concat(parts, ", ")
end

-- Takes the runs of each file; the exit status.
function taking.run(paths, opt, context)
  local refused = 0
  for _, path in ipairs(paths) do
    if not sys.exists(path) then error({ status = 4, message = path .. ": no such file" }, 0) end
    local report = core.take { from = path, to = context.db, filter = opt.only, dry_run = opt.dry_run }
    taking.tell(report)
    taking.check(report)
    io.write(("%s: %s%s\n"):format(encode.line(path), opt.dry_run and "would be " or "", summary(report)))
    if report.new == 1 and report.updated == 0 and report.run > 0 then
      io.stderr:write(encode.line(("see it: latent show %d%s"):format(report.run, reader.db_option(context))), "\n")
    end
    refused = refused + report.refused
  end
  return refused > 0 and 4 or 0
end

return taking
