-- Data sets brought to this machine: latent data fetch.
--
-- Files come to PATH.part and get their names when size and SHA-256 are right;
-- of archives only the members that are known are kept, under our names for
-- them. What has no published digest is trusted the first time: its SHA-256 is
-- written to SHA256SUMS beside it, and must be the same ever after.
local encode = require "latent.encode"
local fetch = require "latent.core.fetch"
local output = require "latent.output"
local sets = require "latent.sets"
local sys = require "latent.core.sys"

local fetching = {}

local MOST <const> = 1 << 34 -- bytes of a file whose size nobody published
local STEP <const> = 0.2

-- ---- telling ----

local function say(text)
  io.stderr:write("latent data: ", text, "\n")
end

local function megabytes(n)
  if n < 1e6 then return ("%.0f kB"):format(n / 1e3) end
  return ("%.1f MB"):format(n / 1e6)
end
fetching.megabytes = megabytes

local function progress_line(name, have, size, speed, pause, trouble)
  if pause > 0 then return ("%s  %s; again in %.0f s"):format(name, trouble, pause) end
  if size <= 0 then return ("%s  %s  %s/s"):format(name, megabytes(have), megabytes(speed)) end
  return ("%s  %.0f %% of %s  %s/s"):format(name, 100 * have / size, megabytes(size), megabytes(speed))
end

-- Draws on a terminal only.
local function new_progress(name)
  if not sys.isatty(2) then return { draw = function() end, clear = function() end } end
  local start, first = sys.clock(), nil
  local progress = {}
  function progress.draw(download)
    local have, size, _, pause, trouble = fetch.look(download)
    first = first or have
    local speed = (have - first) / math.max(sys.clock() - start, 0.1)
    local line = progress_line(name, have, size, speed, pause, trouble)
    output.raw(io.stderr, "\r\27[K", encode.visible(line:sub(1, (sys.columns(2) or 80) - 1)))
    io.stderr:flush()
  end
  function progress.clear() output.raw(io.stderr, "\r\27[K") end
  return progress
end

local function interrupted(signal, path, keeps)
  error({ status = 128 + signal, message = "interrupted" .. (keeps and ("; what came is kept in %s.part, and the same "
    .. "command goes on from there"):format(path) or "") }, 0)
end

-- ---- digests of files that nobody published one for ----

local function read_sums(folder)
  local sums, path = {}, folder .. "/SHA256SUMS"
  for line in (sys.exists(path) and sys.read(path) or ""):gmatch("[^\n]+") do
    local sum, name = line:match("^(%x+)  (.+)$")
    if sum then sums[name] = sum end
  end
  return sums
end

local function write_sums(folder, sums)
  local lines = {}
  for name, sum in pairs(sums) do lines[#lines + 1] = sum .. "  " .. name .. "\n" end
  table.sort(lines, function(a, b) return a:sub(67) < b:sub(67) end)
  fetch.write(folder .. "/SHA256SUMS", table.concat(lines))
end

local function record(folder, file, path)
  local sums = read_sums(folder)
  sums[file.name] = fetch.sha256(path)
  write_sums(folder, sums)
  say(("%s: nobody published a checksum of it: trusted this once, and recorded as SHA-256 %s in %s/SHA256SUMS")
    :format(file.name, sums[file.name], folder))
end

-- ---- one file ----

local function download(url, file, path, wanted, opt)
  local progress = new_progress(file.name)
  local handle <close> = fetch.open {
    url = url, path = path, size = file.size or -1, limit = file.limit or MOST, sha256 = wanted,
    stall = opt.stall, pause = opt.pause, tries = opt.tries,
  }
  local ok, done
  repeat
    progress.draw(handle)
    ok, done = pcall(fetch.step, handle, STEP)
    local signal = fetch.signal()
    if ok and not done and signal ~= 0 then
      progress.clear()
      interrupted(signal, path, wanted and fetch.look(handle) > 0)
    end
  until not ok or done
  progress.clear()
  return ok, done
end

-- Where a file may be had: the set's own sources, or a mirror of them all.
local function urls(set, file, opt)
  local out = {}
  for i, source in ipairs(opt.mirror and { opt.mirror:gsub("/*$", "") .. "/" .. set.name } or set.sources) do
    out[i] = source:gsub("/*$", "") .. "/" .. file.name
  end
  return out
end

-- Brings `file` to folder/NAME, unless it is there already and right. Returns
-- its path, and whether its digest is to be recorded once all is well.
local function bring(set, file, folder, opt)
  local path = folder .. "/" .. file.name
  local wanted = file.sha256 or read_sums(folder)[file.name]
  local size = fetch.size(path)
  if size and (not file.size or size == file.size) and (not wanted or fetch.sha256(path) == wanted) then
    say(file.name .. ": already there")
    return path
  end
  local list, message = urls(set, file, opt), nil
  for i, url in ipairs(list) do
    local ok, result = download(url, file, path, wanted, opt)
    if ok then
      say(("%s: %s%s"):format(file.name, megabytes(fetch.size(path)), wanted and ", SHA-256 is right" or ""))
      return path, not wanted
    end
    message = result
    if list[i + 1] then say(("%s; trying the next source"):format(message)) end
  end
  error(message, 0)
end

-- ---- archives ----

local function unpack(set, archive, folder)
  local paths = {}
  for i, member in ipairs(set.members) do paths[i] = folder .. "/" .. member end
  fetch.unpack(archive, set.members, set.limit, paths)
end

-- The pixels of a binary PGM picture.
local function pgm_pixels(text, name)
  local width, height, at = text:match("^P5%s+(%d+)%s+(%d+)%s+255%s()")
  if width ~= "92" or height ~= "112" or #text - at + 1 ~= 92 * 112 then
    error({ status = 4, message = name .. ": wanted a grey picture (PGM) of 92 x 112" }, 0)
  end
  return text:sub(at)
end

local convert = {}

-- 400 pictures, s1/1.pgm to s40/10.pgm, become one file of pictures and one of
-- labels, whose digests are known.
function convert.faces(set, archive, folder)
  local members, pixels, labels = {}, {}, {}
  for i = 0, 399 do members[i + 1] = ("s%d/%d.pgm"):format(i // 10 + 1, i % 10 + 1) end
  for i, text in ipairs(fetch.unpack(archive, members, set.limit)) do
    pixels[i] = pgm_pixels(text, members[i])
    labels[i] = string.char((i - 1) // 10)
  end
  local texts = {
    string.pack(">I4I4I4I4", 0x803, 400, 112, 92) .. table.concat(pixels),
    string.pack(">I4I4", 0x801, 400) .. table.concat(labels),
  }
  for i, file in ipairs(set.holds) do
    local found = sys.sha256(texts[i])
    if found ~= file.sha256 then
      error({ status = 4, message = ("%s: found other pictures (SHA-256 %s), wanted %s"):format(archive, found,
        file.sha256) }, 0)
    end
  end
  for i, file in ipairs(set.holds) do fetch.write(folder .. "/" .. file.name, texts[i]) end
end

-- ---- a set ----

-- An archive of unknown digest that gave nothing good is not kept.
local function take_archive(set, folder, opt)
  local archive, is_new = bring(set, set.archive, folder, opt)
  local ok, failure = pcall(set.convert and convert[set.convert] or unpack, set, archive, folder)
  if not ok then
    if fetch.signal() ~= 0 then interrupted(fetch.signal()) end -- the archive is good for the next time
    if not set.archive.sha256 then os.remove(archive) end
    error(failure, 0)
  end
  if is_new and set.convert then
    say(set.archive.name .. ": nobody published a checksum of it, but its content has the SHA-256 that is known")
  elseif is_new then
    record(folder, set.archive, archive)
  end
  os.remove(archive)
end

-- opt: dir, mirror, stall, pause, tries. Returns the folder.
function fetching.set(set, opt)
  local place = opt.dir or sets.cache()
    or sys.fail("no folder for data: neither HOME nor XDG_CACHE_HOME is set; give --dir")
  local folder = place .. "/" .. set.folder
  fetch.catch()
  if set.files then
    for _, file in ipairs(set.files) do
      local path, is_new = bring(set, file, folder, opt)
      if is_new then record(folder, file, path) end
    end
    return folder
  end
  local there = true
  for _, file in ipairs(set.holds) do there = there and fetch.size(folder .. "/" .. file.name) ~= nil end
  if there then
    say(set.name .. ": already there")
    return folder
  end
  take_archive(set, folder, opt)
  return folder
end

return fetching
