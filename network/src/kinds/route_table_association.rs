//! Which table a subnet uses.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateRouteTable.html>

use aws::ec2::filter;
use aws::{Aws, FaultExt};
use contract::{AssociationId, RouteTableId, SubnetId};
use engine::{Address, Ask, Driver, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen, Ticks};
use serde::{Deserialize, Serialize};

/// Which table a subnet uses.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// The subnet; it uses exactly one table.
    pub subnet: SubnetId,
    /// The table.
    pub table: RouteTableId,
}

impl Resource for RouteTableAssociation {
    const KIND: Kind = "route_table_association";
    const REPLACE_ON: &'static [&'static str] = &["subnet", "table"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = AssociationId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(self.subnet.0.clone())
    }

    fn placeholder(&self, at: &Address) -> AssociationId {
        AssociationId::unknown(at)
    }
}

/// Works on associations.
#[derive(Clone, Debug)]
pub(super) struct Associations(pub Aws);

type Live = aws_sdk_ec2::types::RouteTableAssociation;

impl Associations {
    async fn fetch(&self, subnets: impl IntoIterator<Item = String>) -> Result<Vec<Live>, Fault> {
        let mut pages = self.0.ec2.describe_route_tables().filters(filter("association.subnet-id", subnets)).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let tables = page.or_fault("ec2:DescribeRouteTables")?.route_tables.unwrap_or_default();
            found.extend(tables.into_iter().flat_map(|table| table.associations.unwrap_or_default()));
        }
        Ok(found)
    }
}

fn id_of(live: &Live) -> AssociationId {
    live.route_table_association_id().unwrap_or_default().to_owned().into()
}

impl Driver<RouteTableAssociation> for Associations {
    async fn observe(&self, asks: &[Ask<RouteTableAssociation>]) -> Result<Found<RouteTableAssociation>, Fault> {
        let all = self.fetch(asks.iter().map(|ask| ask.want.subnet.0.clone())).await?;
        let mut found = Found::new();
        for ask in asks {
            let Some(it) = all.iter().find(|it| it.subnet_id() == Some(ask.want.subnet.as_str())) else { continue };
            // An association has no tags: the one of a subnet of ours is ours.
            let table = it.route_table_id().unwrap_or_default().to_owned().into();
            let live = RouteTableAssociation { table, ..ask.want.clone() };
            found.insert(ask.who.address.clone(), Seen { live, output: id_of(it), ours: true, tags: None });
        }
        Ok(found)
    }

    async fn ensure(
        &self,
        _: &Identity,
        want: &RouteTableAssociation,
        seen: Option<Seen<RouteTableAssociation>>,
        _: &Ticks,
    ) -> Result<AssociationId, Fault> {
        if let Some(seen) = seen {
            return Ok(seen.output);
        }
        // The same association again is answered with the one that is there.
        let call = self.0.ec2.associate_route_table().subnet_id(want.subnet.as_str()).route_table_id(want.table.as_str());
        let made = call.send().await.or_fault("ec2:AssociateRouteTable")?;
        Ok(made.association_id.unwrap_or_default().into())
    }

    async fn delete(&self, _: &Identity, spec: &RouteTableAssociation, last: Option<&AssociationId>, _: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => {
                self.fetch([spec.subnet.0.clone()]).await?.iter().find(|it| it.route_table_id() == Some(spec.table.as_str())).map(id_of)
            }
        };
        let Some(id) = id else { return Ok(()) };
        self.0.ec2.disassociate_route_table().association_id(id.as_str()).send().await.or_gone("ec2:DisassociateRouteTable").map(|_| ())
    }
}
