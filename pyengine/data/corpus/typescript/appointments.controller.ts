import {
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpCode,
  Logger,
  NotFoundException,
  Param,
  ParseUUIDPipe,
  Post,
  Query,
  UseGuards,
} from '@nestjs/common';
import { ApiOkResponse, ApiTags } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDate, IsEnum, IsOptional, MaxLength, MinDate } from 'class-validator';

import { CurrentUser } from '../auth/current-user.decorator';
import { JwtGuard } from '../auth/jwt.guard';
import type { User } from '../users/user.entity';
import { AppointmentsService } from './appointments.service';

export enum Treatment {
  CheckUp = 'check-up',
  Cleaning = 'cleaning',
  Filling = 'filling',
}

const MINUTES: Record<Treatment, number> = {
  [Treatment.CheckUp]: 15,
  [Treatment.Cleaning]: 45,
  [Treatment.Filling]: 60,
};

class CreateAppointmentDto {
  @IsDate()
  @Type(() => Date)
  @MinDate(() => new Date(), { message: 'an appointment lies in the future' })
  startsAt!: Date;

  @IsEnum(Treatment)
  treatment!: Treatment;

  @IsOptional()
  @MaxLength(400)
  remark?: string;
}

@ApiTags('appointments')
@UseGuards(JwtGuard)
@Controller('practices/:practiceId/appointments')
export class AppointmentsController {
  private readonly logger = new Logger(AppointmentsController.name);

  constructor(private readonly appointments: AppointmentsService) {}

  @Get('free')
  @ApiOkResponse({ description: 'Beginnings of all free slots of one day', type: [Date] })
  async free(
    @Param('practiceId', ParseUUIDPipe) practiceId: string,
    @Query('day') day: string,
    @Query('treatment') treatment: Treatment = Treatment.CheckUp,
  ): Promise<Date[]> {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(day ?? '')) {
      throw new BadRequestException('day must look like 2024-05-31');
    }
    return this.appointments.freeSlots(practiceId, day, MINUTES[treatment]);
  }

  @Post()
  async create(
    @Param('practiceId', ParseUUIDPipe) practiceId: string,
    @Body() dto: CreateAppointmentDto,
    @CurrentUser() user: User,
  ) {
    const minutes = MINUTES[dto.treatment];
    const booked = await this.appointments.book({ ...dto, practiceId, minutes, patientId: user.id });
    // no names in the log: who goes to the dentist is nobody's business
    this.logger.log(`booked ${minutes} minutes at practice ${practiceId}`);
    return booked;
  }

  @Post(':id/cancel')
  @HttpCode(204)
  async cancel(@Param('id', ParseUUIDPipe) id: string, @CurrentUser() user: User): Promise<void> {
    const found = await this.appointments.findOwn(id, user.id);
    if (!found) throw new NotFoundException();
    await this.appointments.cancel(found);
  }
}
