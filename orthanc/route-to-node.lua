-- Forwards every stable study to the node by C-STORE, once, and never the node's own results.

local NODE = 'ainode'  -- its name in DicomModalities
local FORWARDED = 'ForwardedToNode'  -- its name in UserMetadata
local RESULT = 'ResultOfNode'  -- likewise, of studies

-- Instances of each forwarding job that has not succeeded yet, and the jobs that failed.
local underway = {}
local failed = {}

-- Kinds of object that the node makes: of these, who made it is looked up.
local RESULT_CLASSES = {
  ['1.2.840.10008.5.1.4.1.1.7'] = true,  -- Secondary Capture Image
  ['1.2.840.10008.5.1.4.1.1.11.1'] = true,  -- Grayscale Softcopy Presentation State
  ['1.2.840.10008.5.1.4.1.1.66.4'] = true,  -- Segmentation
  ['1.2.840.10008.5.1.4.1.1.88.33'] = true,  -- Comprehensive SR
  ['1.2.840.10008.5.1.4.1.1.88.34'] = true,  -- Comprehensive 3D SR
  ['1.2.840.10008.5.1.4.1.1.88.59'] = true,  -- Key Object Selection
}

local function NodeAeTitle()
  return os.getenv('NODE_AE_TITLE') or 'AINODE'
end

-- The node names each algorithm in Contributing Equipment (PS3.3 C.12.1.5); so do other makers,
-- and their results are no input for it either.
local ALGORITHM_PURPOSES = {
  ['109102'] = true,  -- DCM, Processing Equipment
  ['processing-alg'] = true,  -- the node's own code, Processing Algorithm
}

local function IsAlgorithmResult(instance)
  local tags = ParseJson(RestApiGet('/instances/' .. instance .. '/simplified-tags'))
  for _, equipment in ipairs(tags['ContributingEquipmentSequence'] or {}) do
    for _, purpose in ipairs(equipment['PurposeOfReferenceCodeSequence'] or {}) do
      if ALGORITHM_PURPOSES[purpose['CodeValue']] then
        return true
      end
    end
  end
  return false
end

local function Metadata(instance)
  return ParseJson(RestApiGet('/instances/' .. instance .. '/metadata?expand'))
end

local function MustBeForwarded(instance)
  local metadata = Metadata(instance)
  if metadata[FORWARDED] ~= nil or metadata['RemoteAET'] == NodeAeTitle() then
    return false
  end
  return not (RESULT_CLASSES[metadata['SopClassUid']] and IsAlgorithmResult(instance))
end

-- The node was away: whatever comes next is the occasion to try again.
local function RetryFailed()
  for jobId in pairs(failed) do
    failed[jobId] = nil
    print('forwarding again, job ' .. jobId)
    if RestApiPost('/jobs/' .. jobId .. '/resubmit', '') == nil then
      underway[jobId] = nil  -- no longer in Orthanc's list: its instances are free to go again
    end
  end
end

-- Whoever looks at a study in Orthanc sees that the node has sent a result of it.
local function NoteResult(studyId, instance)
  if Metadata(instance)['RemoteAET'] == NodeAeTitle() then
    RestApiPut('/studies/' .. studyId .. '/metadata/' .. RESULT, NodeAeTitle())
  end
end

function OnStableStudy(studyId, tags, metadata)
  RetryFailed()
  local instances = {}
  local waiting = {}
  for _, ofJob in pairs(underway) do
    for _, instance in ipairs(ofJob) do
      waiting[instance] = true
    end
  end
  for _, each in ipairs(ParseJson(RestApiGet('/studies/' .. studyId .. '/instances'))) do
    NoteResult(studyId, each['ID'])
    if not waiting[each['ID']] and MustBeForwarded(each['ID']) then
      table.insert(instances, each['ID'])
    end
  end
  if #instances == 0 then
    return
  end
  local answer = RestApiPost('/modalities/' .. NODE .. '/store', DumpJson({
    Resources = instances,
    Asynchronous = true,
  }))
  if answer == nil then
    return  -- Orthanc has logged why
  end
  local job = ParseJson(answer)
  underway[job['ID']] = instances
  print('forwarding study ' .. studyId .. ': ' .. #instances .. ' instances, job ' .. job['ID'])
end

function OnJobSuccess(jobId)
  for _, instance in ipairs(underway[jobId] or {}) do
    RestApiPut('/instances/' .. instance .. '/metadata/' .. FORWARDED, NodeAeTitle())
  end
  underway[jobId] = nil
end

-- It stays in Orthanc's list of jobs, and is tried again with the next study that is stable.
function OnJobFailure(jobId)
  if underway[jobId] ~= nil then
    print('forwarding failed, job ' .. jobId)
    failed[jobId] = true
  end
end

-- Without a password, nobody but this machine is answered, whatever RemoteAccessAllowed says.
function IncomingHttpRequestFilter(method, uri, ip, username, httpHeaders)
  local password = os.getenv('PACS_PASSWORD') or ''
  return password ~= '' or ip == '127.0.0.1' or ip == '::1'
end
