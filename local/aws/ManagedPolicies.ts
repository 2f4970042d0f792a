import { baseName } from "./Arns.ts"

/** Some of the policies that AWS manages, with their paths, from the "AWS managed policy reference". */
const known = [
  "AdministratorAccess",
  "AmazonDynamoDBFullAccess",
  "AmazonDynamoDBReadOnlyAccess",
  "AmazonEC2FullAccess",
  "AmazonEC2ReadOnlyAccess",
  "AmazonECS_FullAccess",
  "AmazonKinesisReadOnlyAccess",
  "AmazonRDSFullAccess",
  "AmazonRDSReadOnlyAccess",
  "AmazonRoute53ReadOnlyAccess",
  "AmazonS3FullAccess",
  "AmazonS3ReadOnlyAccess",
  "AmazonSNSReadOnlyAccess",
  "AmazonSQSFullAccess",
  "AmazonSQSReadOnlyAccess",
  "AmazonSSMReadOnlyAccess",
  "AmazonVPCReadOnlyAccess",
  "AWSCloudFormationReadOnlyAccess",
  "AWSCloudTrail_ReadOnlyAccess",
  "AWSLambda_FullAccess",
  "AWSLambda_ReadOnlyAccess",
  "CloudWatchFullAccess",
  "CloudWatchLogsReadOnlyAccess",
  "CloudWatchReadOnlyAccess",
  "IAMFullAccess",
  "IAMReadOnlyAccess",
  "IAMUserChangePassword",
  "PowerUserAccess",
  "ReadOnlyAccess",
  "SecretsManagerReadWrite",
  "SecurityAudit",
  "job-function/Billing",
  "job-function/DatabaseAdministrator",
  "job-function/DataScientist",
  "job-function/NetworkAdministrator",
  "job-function/SupportUser",
  "job-function/SystemAdministrator",
  "job-function/ViewOnlyAccess",
  "service-role/AmazonEC2RoleforSSM",
  "service-role/AmazonECSTaskExecutionRolePolicy",
  "service-role/AWSConfigRole",
  "service-role/AWSLambdaBasicExecutionRole",
  "service-role/AWSLambdaRole",
  "service-role/AWSLambdaVPCAccessExecutionRole",
  "aws-service-role/AmazonElasticsearchServiceRolePolicy",
  "aws-service-role/AWSSupportServiceRolePolicy",
  "aws-service-role/AutoScalingServiceRolePolicy"
]

const byName = new Map(known.map((pathAndName) => [baseName(pathAndName).toLowerCase(), pathAndName]))

/** Path and name, as AWS spells them, of the AWS-managed policy with this name. Names are unique across paths. */
export const findManagedPolicy = (name: string): string | undefined => byName.get(name.toLowerCase())

/** Policies under this path belong to service-linked roles: IAM lets nobody attach them. */
export const isServiceLinked = (pathAndName: string): boolean => pathAndName.startsWith("aws-service-role/")
