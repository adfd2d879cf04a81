//! A page of the API in the vocabulary of `provider-core`. Pure.

use google_cloud_compute_v1::model::{
    AttachedDisk, Instance as Vm, InstanceAggregatedList, NetworkInterface, instance::Status,
    instance_aggregated_list::warning::Code as ListCode, instances_scoped_list::warning::Code as ZoneCode,
};
use jiff::Timestamp;
use provider_core::{Addresses, Instance, InstanceId, InstanceState};
use serde_json::{Map, Value};

use crate::{NAME, config::region_of, failure::Failure};

/// The `kind` that every page has.
const KIND: &str = "compute#instanceAggregatedList";

/// The content of one page.
#[derive(Debug)]
pub(crate) struct Page {
    pub machines: Vec<Machine>,
    /// Places whose instances are missing from the answer, and the API's message about each.
    pub outages: Vec<(Place, String)>,
    /// The token of the next page.
    pub next: Option<String>,
}

/// An instance, and the other data that the provider needs about it.
#[derive(Debug)]
pub(crate) struct Machine {
    pub instance: Instance,
    /// Whether the API gave its state.
    pub status: Stated,
    /// The names of the networks of its interfaces.
    pub networks: Vec<String>,
}

/// Whether the API gave a state, in whatever words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stated {
    Yes,
    /// It gave none: the instance's state is shown as unknown, and could be any.
    No,
}

/// A part of a project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Zone(String),
    Region(String),
    /// A place of another kind.
    Elsewhere,
}

impl Place {
    /// Parses `zones/europe-west1-b`, `regions/europe-west1`, or a longer path that ends like one of these.
    fn of(path: &str) -> Self {
        let mut parts = path.rsplit('/');
        match (parts.next(), parts.next()) {
            (Some(name), Some("zones")) => Self::Zone(name.to_owned()),
            (Some(name), Some("regions")) => Self::Region(name.to_owned()),
            _ => Self::Elsewhere,
        }
    }
}

impl Page {
    /// Parses a page. The SDK's models are strict: one instance with a string instead of a bool, in a field that this
    /// crate does not read, and they refuse all 500. So each instance is first reduced to the fields in use.
    ///
    /// # Errors
    /// When an instance cannot be read even so; the error names it.
    pub(crate) fn from_json(project: &str, body: &[u8]) -> Result<Self, Failure> {
        let unreadable = |why: serde_json::Error| Failure::bad_answer(format!("the answer cannot be read: {why}"));
        let mut whole: Value = serde_json::from_slice(body).map_err(unreadable)?;
        if whole.get("kind").and_then(Value::as_str) != Some(KIND) {
            return Err(Failure::bad_answer(format!(
                "the answer is no list of instances: it is not of the kind {KIND}"
            ))
            .with_hint("check `endpoint` if you set one, and the proxy settings"));
        }
        let mut readable = Vec::new();
        for (place, zone) in whole.get_mut("items").and_then(Value::as_object_mut).into_iter().flatten() {
            let vms = instances_of(place, zone)?;
            let vms: Result<Vec<Vm>, Failure> = vms.iter().map(|vm| essential_vm(place, vm)).collect();
            readable.push((place.clone(), vms?));
        }
        let mut list: InstanceAggregatedList = serde_json::from_value(whole).map_err(unreadable)?;
        for (place, vms) in readable {
            list.items.entry(place).or_default().instances = vms;
        }
        Self::from_model(project, list)
    }

    /// Translates the models.
    fn from_model(project: &str, list: InstanceAggregatedList) -> Result<Self, Failure> {
        let mut page =
            Self { machines: Vec::new(), outages: Vec::new(), next: list.next_page_token.filter(|t| !t.is_empty()) };
        for place in list.unreachables {
            page.outages.push((Place::of(&place), format!("{place} is unreachable")));
        }
        if let Some(warning) = list.warning.filter(|warning| warning.code != Some(ListCode::NoResultsOnPage)) {
            let code = warning.code.as_ref().and_then(ListCode::name);
            page.outages.push((Place::Elsewhere, words_of(code, warning.message.as_deref())));
        }
        for (place, zone) in list.items {
            // A zone without instances has the warning NO_RESULTS_ON_PAGE. Any other warning means that the list may be
            // incomplete (UNREACHABLE, LIST_OVERHEAD_QUOTA_EXCEED, …).
            if let Some(warning) = zone.warning.filter(|warning| warning.code != Some(ZoneCode::NoResultsOnPage)) {
                let code = warning.code.as_ref().and_then(ZoneCode::name);
                page.outages.push((Place::of(&place), words_of(code, warning.message.as_deref())));
            }
            for vm in zone.instances {
                page.machines.push(machine(project, &place, vm)?);
            }
        }
        Ok(page)
    }
}

/// Takes the instances out of a zone. A zone without instances has no list.
fn instances_of(place: &str, zone: &mut Value) -> Result<Vec<Value>, Failure> {
    let no_list = || Failure::bad_answer(format!("the answer holds no list of instances for {place}"));
    let zone = zone.as_object_mut().ok_or_else(no_list)?;
    match zone.remove("instances") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(vms)) => Ok(vms),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => Err(no_list()),
    }
}

/// An instance, read from only the fields in use.
fn essential_vm(place: &str, vm: &Value) -> Result<Vm, Failure> {
    const USED: [&str; 6] = ["id", "name", "zone", "status", "labels", "creationTimestamp"];
    if !vm.is_object() {
        return Err(Failure::bad_answer(format!("the list of instances in {place} holds something that is none")));
    }
    let mut essential = only(vm, &USED);
    // The two timestamps are optional here, even if they are invalid; see `launched`.
    essential.extend(only(vm, &["lastStartTimestamp"]).into_iter().filter(|(_, value)| value.is_string()));
    if let Some(tags) = vm.get("tags") {
        essential.insert("tags".to_owned(), within(tags, |tags| only(tags, &["items"])));
    }
    if let Some(Value::Array(disks)) = vm.get("disks") {
        essential.insert("disks".to_owned(), Value::Array(disks.iter().filter_map(essential_disk).collect()));
    }
    if let Some(Value::Array(interfaces)) = vm.get("networkInterfaces") {
        let interfaces = interfaces.iter().map(|interface| within(interface, essential_interface)).collect();
        essential.insert("networkInterfaces".to_owned(), Value::Array(interfaces));
    }
    serde_json::from_value(Value::Object(essential)).map_err(|why| {
        let word = |key: &str| vm.get(key).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let name = word("name").or_else(|| word("id")).unwrap_or_else(|| "without a name".to_owned());
        Failure::bad_answer(format!("the description of instance {name} in {place} cannot be read: {why}"))
            .with_hint("look at it with `gcloud compute instances describe`, or leave its zone out of the selector")
    })
}

/// The licences of a boot disk. Other disks and invalid data are ignored, because licences are optional here.
fn essential_disk(disk: &Value) -> Option<Value> {
    let licenses = disk.get("licenses")?.as_array().filter(|_| disk.get("boot") == Some(&Value::Bool(true)))?;
    let licenses: Vec<_> = licenses.iter().filter(|license| license.is_string()).collect();
    Some(serde_json::json!({ "boot": true, "licenses": licenses }))
}

fn essential_interface(interface: &Value) -> Map<String, Value> {
    let mut essential = only(interface, &["network", "networkIP"]);
    for (key, used) in
        [("accessConfigs", &["natIP", "publicPtrDomainName"][..]), ("ipv6AccessConfigs", &["externalIpv6"])]
    {
        if let Some(Value::Array(configs)) = interface.get(key) {
            let configs = configs.iter().map(|config| within(config, |config| only(config, used))).collect();
            essential.insert(key.to_owned(), Value::Array(configs));
        }
    }
    essential
}

/// `cut` of an object. Other values are left for the models to refuse.
fn within(value: &Value, cut: impl Fn(&Value) -> Map<String, Value>) -> Value {
    if value.is_object() { Value::Object(cut(value)) } else { value.clone() }
}

/// The fields of `object` that are named in `keys`.
fn only(object: &Value, keys: &[&str]) -> Map<String, Value> {
    keys.iter().filter_map(|&key| object.get(key).map(|value| (key.to_owned(), value.clone()))).collect()
}

fn words_of(code: Option<&str>, message: Option<&str>) -> String {
    format!("{} ({})", message.unwrap_or("no reason given"), code.unwrap_or("no code"))
}

/// Translates one instance; `place` is the key that it was listed under.
fn machine(project: &str, place: &str, vm: Vm) -> Result<Machine, Failure> {
    let (id, name) = match (vm.id, vm.name.filter(|name| !name.is_empty())) {
        (Some(id), Some(name)) => (id, name),
        (Some(id), None) => return Err(Failure::bad_answer(format!("instance {id} in {place} has no name"))),
        (None, Some(name)) => return Err(Failure::bad_answer(format!("instance {name} in {place} has no id"))),
        (None, None) => {
            return Err(Failure::bad_answer(format!("an instance in {place} has neither a name nor an id")));
        }
    };
    let zone = last_segment(vm.zone.as_deref().unwrap_or(place)).to_owned();
    let networks = vm.network_interfaces.iter().filter_map(|interface| interface.network.as_deref());
    let networks = networks.map(|network| last_segment(network).to_owned()).collect();
    let status =
        if vm.status.as_ref().is_some_and(|status| status.name() != Some("")) { Stated::Yes } else { Stated::No };
    let network_tags = vm.tags.map(|tags| tags.items).unwrap_or_default();

    let instance = Instance {
        id: InstanceId::new(id.to_string()),
        provider: NAME,
        account: project.to_owned(),
        region: region_of(&zone).to_owned(),
        addresses: addresses(&vm.network_interfaces, internal_name(&name, &zone, project)),
        zone,
        name,
        state: vm.status.as_ref().map_or(InstanceState::Unknown, state),
        image: image(&vm.disks),
        image_name: None,
        resource_id: None,
        tag_keys: provider_core::TagKeys::Exact,
        launched: launched(vm.last_start_timestamp.as_deref(), vm.creation_timestamp.as_deref()),
        // If a label and a network tag have the same name, the label's value wins, because it comes last.
        tags: network_tags.into_iter().map(|tag| (tag, String::new())).chain(vm.labels).collect(),
    };
    Ok(Machine { instance, status, networks })
}

/// The operating system, from the licence of the boot disk (`ubuntu-2204-lts`): the list of instances does not name the
/// image itself, and every public image carries a licence.
fn image(disks: &[AttachedDisk]) -> Option<String> {
    let boot = disks.iter().find(|disk| disk.boot == Some(true))?;
    boot.licenses.first().map(|license| last_segment(license).to_owned())
}

/// The addresses of the first interface, to which the instance's own name resolves.
fn addresses(interfaces: &[NetworkInterface], private_dns: String) -> Addresses {
    let mut addresses = Addresses { private_dns: Some(private_dns), ..Addresses::default() };
    let Some(first) = interfaces.first() else { return addresses };
    addresses.private_ipv4 = first.network_ip.as_deref().and_then(|ip| ip.parse().ok());
    let public = &first.access_configs;
    addresses.public_ipv4 = public.iter().find_map(|config| config.nat_ip.as_deref()?.parse().ok());
    addresses.public_ipv6 =
        first.ipv_6_access_configs.iter().find_map(|config| config.external_ipv_6.as_deref()?.parse().ok());
    let ptr = public.iter().find_map(|config| config.public_ptr_domain_name.as_deref());
    addresses.public_dns = ptr.map(|name| name.trim_end_matches('.').to_owned()).filter(|name| !name.is_empty());
    addresses
}

/// Compute Engine's zonal DNS name. The project `example.com:shop` is `shop.example.com` there.
fn internal_name(name: &str, zone: &str, project: &str) -> String {
    match project.split_once(':') {
        Some((domain, project)) => format!("{name}.{zone}.c.{project}.{domain}.internal"),
        None => format!("{name}.{zone}.c.{project}.internal"),
    }
}

/// Maps Compute Engine's life cycle. Its `TERMINATED` is a stopped machine, which can be started again. A deleted
/// machine is not listed at all.
fn state(status: &Status) -> InstanceState {
    match status.name() {
        Some("PENDING" | "PROVISIONING" | "STAGING") => InstanceState::Pending,
        Some("RUNNING") => InstanceState::Running,
        Some("STOPPING" | "SUSPENDING" | "PENDING_STOP" | "DEPROVISIONING") => InstanceState::Stopping,
        Some("STOPPED" | "SUSPENDED" | "TERMINATED") => InstanceState::Stopped,
        // REPAIRING, and words that Google adds later.
        Some(_) | None => InstanceState::Unknown,
    }
}

/// When it was last started, else when it was created.
fn launched(started: Option<&str>, created: Option<&str>) -> Option<Timestamp> {
    let parse = |text: &str| text.parse().ok();
    started.and_then(parse).or_else(|| created.and_then(parse))
}

/// The name at the end of a resource's URL.
fn last_segment(url: &str) -> &str {
    url.rsplit_once('/').map_or(url, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use provider_core::FailureKind;
    use serde_json::json;

    fn vm() -> Value {
        json!({
            "id": "10947706194464948790", "name": "web-1", "status": "RUNNING",
            "zone": "https://www.googleapis.com/compute/v1/projects/shop/zones/europe-west1-b",
            "creationTimestamp": "2013-12-13T10:43:58.782-08:00", "lastStartTimestamp": "2024-05-01T00:00:00.000-07:00",
            "labels": { "role": "web", "both": "label" }, "tags": { "items": ["http", "both"], "fingerprint": "W7t6ZyTyIrc=" },
            "networkInterfaces": [
                { "network": "https://x/projects/shop/global/networks/prod", "networkIP": "10.0.0.7",
                  "accessConfigs": [{ "natIP": "192.0.2.7", "publicPtrDomainName": "web-1.example.com." }],
                  "ipv6AccessConfigs": [{ "externalIpv6": "2600:1900::7" }] },
                { "network": "https://x/projects/shop/global/networks/admin", "networkIP": "10.9.0.7" },
            ],
            "disks": [
                { "boot": false, "licenses": ["https://x/projects/other/global/licenses/data"] },
                { "boot": true, "licenses": ["https://x/projects/debian-cloud/global/licenses/debian-12-bookworm"] },
            ],
        })
    }

    fn page_of(zone: &Value) -> String {
        json!({ "kind": KIND, "items": { "zones/europe-west1-b": zone }, "nextPageToken": "" }).to_string()
    }

    fn read(body: &str) -> Result<Page, Failure> {
        Page::from_json("shop", body.as_bytes())
    }

    #[test]
    fn an_instance_is_translated_whole() {
        let body = page_of(&json!({ "instances": [vm()] }));
        let page = read(&body).expect("a page");
        assert!(page.next.is_none() && page.outages.is_empty(), "{page:?}");
        let Machine { instance, status, networks } = &page.machines[0];
        assert_eq!(*status, Stated::Yes);
        assert_eq!(instance.id.as_str(), "10947706194464948790");
        assert_eq!((instance.zone.as_str(), instance.region.as_str()), ("europe-west1-b", "europe-west1"));
        assert_eq!(instance.account, "shop");
        assert_eq!(instance.state, InstanceState::Running);
        assert_eq!(networks, &["prod", "admin"]);
        let tags: Vec<_> = instance.tags.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(tags, ["both=label", "http=", "role=web"]);
        let found = &instance.addresses;
        assert_eq!(found.private_ipv4, "10.0.0.7".parse().ok());
        assert_eq!(found.public_ipv4, "192.0.2.7".parse().ok());
        assert_eq!(found.public_ipv6, "2600:1900::7".parse().ok());
        assert_eq!(found.private_dns.as_deref(), Some("web-1.europe-west1-b.c.shop.internal"));
        assert_eq!(found.public_dns.as_deref(), Some("web-1.example.com"));
        assert_eq!(instance.launched, "2024-05-01T07:00:00Z".parse().ok());
        assert_eq!(instance.image.as_deref(), Some("debian-12-bookworm"));
    }

    #[test]
    fn a_bare_instance_is_an_instance() {
        let body = page_of(&json!({ "instances": [{ "id": "7", "name": "bare" }] }));
        let page = read(&body).expect("a page");
        let instance = &page.machines[0].instance;
        assert_eq!((instance.zone.as_str(), instance.state), ("europe-west1-b", InstanceState::Unknown));
        assert!(instance.tags.is_empty() && instance.launched.is_none());
        assert_eq!(page.machines[0].status, Stated::No);
    }

    #[test]
    fn an_instance_without_an_id_is_an_error_that_names_it() {
        let failure = read(&page_of(&json!({ "instances": [{ "name": "ghost" }] }))).expect_err("no id");
        assert!(failure.message.contains("ghost") && failure.message.contains("no id"), "{}", failure.message);
        for (vm, words) in [
            (json!({ "id": "7" }), "instance 7 in zones/europe-west1-b has no name"),
            (json!({}), "an instance in zones/europe-west1-b has neither a name nor an id"),
            (json!(null), "the list of instances in zones/europe-west1-b holds something that is none"),
        ] {
            assert_eq!(read(&page_of(&json!({ "instances": [vm] }))).expect_err(words).message, words);
        }
    }

    #[test]
    fn nonsense_in_fields_that_are_not_used_is_passed_over() {
        let mut odd = vm();
        odd["canIpForward"] = json!("False");
        odd["disks"] = json!([7, { "boot": true, "licenses": [7, "x/licenses/rocky-linux-9"], "diskSizeGb": [] }]);
        odd["tags"]["fingerprint"] = json!(7);
        odd["networkInterfaces"][0]["queueCount"] = json!("many");
        odd["lastStartTimestamp"] = json!(0);
        let body = page_of(&json!({ "instances": [odd, vm()] }));
        assert!(serde_json::from_str::<InstanceAggregatedList>(&body).is_err(), "the models would refuse the page");
        let machines = read(&body).expect("both").machines;
        assert_eq!(machines.len(), 2);
        assert_eq!(machines[0].instance.image.as_deref(), Some("rocky-linux-9"));
    }

    #[test]
    fn nonsense_in_fields_that_are_used_names_the_instance() {
        for (field, nonsense) in [("labels", json!(7)), ("tags", json!(7)), ("zone", json!([])), ("status", json!(1.5))]
        {
            let mut broken = vm();
            broken[field] = nonsense;
            let body = page_of(&json!({ "instances": [broken] }));
            let failure = read(&body).expect_err(field);
            assert!(failure.message.contains("web-1") && failure.message.contains("europe-west1-b"), "{failure:?}");
        }
    }

    #[test]
    fn only_a_list_is_taken_for_a_list() {
        let list = json!({ "kind": KIND });
        assert!(read(&list.to_string()).expect("an empty project").machines.is_empty());
        for other in [json!({}), json!([]), json!({ "error": { "code": 500 } }), json!({ "kind": "compute#instance" })]
        {
            let failure = read(&other.to_string()).expect_err("no list");
            assert_eq!(failure.kind, FailureKind::BadAnswer);
            assert!(failure.message.contains(KIND), "{}", failure.message);
        }
    }

    #[test]
    fn a_zone_without_instances_is_empty_and_one_with_nonsense_is_named() {
        for empty in [json!({}), json!({ "instances": null }), json!({ "instances": [] })] {
            assert!(read(&page_of(&empty)).expect("a page").machines.is_empty());
        }
        for broken in [json!("oops"), json!(null), json!({ "instances": "oops" }), json!({ "instances": {} })] {
            let failure = read(&page_of(&broken)).expect_err("nonsense");
            assert_eq!(failure.kind, FailureKind::BadAnswer);
            assert!(failure.message.contains("zones/europe-west1-b"), "{}", failure.message);
        }
    }

    #[test]
    fn a_zone_that_cannot_be_read_is_an_outage_and_an_empty_one_is_not() {
        let empty = page_of(&json!({ "warning": { "code": "NO_RESULTS_ON_PAGE", "message": "nothing" } }));
        assert!(read(&empty).expect("a page").outages.is_empty());
        for code in ["UNREACHABLE", "A_WORD_OF_TOMORROW"] {
            let body = page_of(&json!({ "warning": { "code": code, "message": "zone is down" } }));
            let outages = read(&body).expect("a page").outages;
            assert_eq!(outages[0].0, Place::Zone("europe-west1-b".to_owned()));
            assert!(outages[0].1.contains("zone is down") && outages[0].1.contains(code), "{outages:?}");
        }
    }

    #[test]
    fn every_way_of_naming_an_unreachable_place_is_understood() {
        let body = json!({
            "kind": KIND, "unreachables": ["zones/a-b-c", "projects/shop/zones/d-e-f", "regions/a-b", "moon"],
            "warning": { "code": "PARTIAL_SUCCESS" },
        });
        let outages = read(&body.to_string()).expect("a page").outages;
        let places: Vec<_> = outages.into_iter().map(|(place, _)| place).collect();
        let zone = |name: &str| Place::Zone(name.to_owned());
        let region = Place::Region("a-b".to_owned());
        assert_eq!(places, [zone("a-b-c"), zone("d-e-f"), region, Place::Elsewhere, Place::Elsewhere]);
    }

    #[test]
    fn every_status_has_a_state() {
        for (status, expected) in [
            ("PROVISIONING", InstanceState::Pending),
            ("STAGING", InstanceState::Pending),
            ("RUNNING", InstanceState::Running),
            ("STOPPING", InstanceState::Stopping),
            ("SUSPENDING", InstanceState::Stopping),
            ("PENDING_STOP", InstanceState::Stopping),
            ("STOPPED", InstanceState::Stopped),
            ("SUSPENDED", InstanceState::Stopped),
            ("TERMINATED", InstanceState::Stopped),
            ("REPAIRING", InstanceState::Unknown),
            ("DREAMING", InstanceState::Unknown),
        ] {
            assert_eq!(state(&Status::from(status)), expected, "{status}");
        }
    }

    #[test]
    fn a_domain_scoped_project_has_its_own_internal_names() {
        assert_eq!(internal_name("web-1", "a-b-c", "example.com:shop"), "web-1.a-b-c.c.shop.example.com.internal");
    }
}
